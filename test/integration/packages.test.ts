/** What functions bring along: dependencies from npm, whole modules, and each module once. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Stream } from '@kinetin/core';
import { type AnyFunction, CallError, type Context, Router, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import * as dependent from '../fixtures/packages/dependent.js';
import { recordStreams, startLeaf } from '../fixtures/packages/recording.js';
import type * as Slow from '../fixtures/packages/slow.js';
import type * as Tasks from '../fixtures/packages/tasks.js';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { until } from '../support/processes.js';

const fixture = (name: string) => new URL(`../fixtures/packages/${name}`, import.meta.url);

describe('npm dependencies', () => {
  const router = new Router();
  let context: Context;
  let stream: Stream;
  before(async () => {
    ({ context, stream } = await startLeaf(router));
  });
  after(() => router.shutdown());

  it('travel where they are ESM only', async () => {
    expect(await context.call(dependent.doubled, [1, 2, 3])).to.deep.equal([2, 4, 6]);
  });

  it('travel where they are CommonJS', async () => {
    expect(await context.call(dependent.inMilliseconds, '2 days')).to.equal(172_800_000);
  });

  it('travel where they require by a computed name, with all that it may name', async () => {
    expect(await context.call(dependent.countryName, 'DE', 'fr')).to.equal('Allemagne');
    expect(await context.call(dependent.countryName, 'DE', 'cy')).to.equal('Yr Almaen');
  });

  it('travel where they are large', async () => {
    const groups = await context.call(dependent.grouped, ['a', 'bb', 'c']);
    expect(groups).to.deep.equal({ 1: ['a', 'c'], 2: ['bb'] });
  });

  it('travel where they start processes', async () => {
    const { lines, parent } = await context.call(dependent.shell, 'echo one;', 'echo $PPID');
    expect(parent).to.equal(context.pid);
    expect(lines).to.deep.equal(['one', String(context.pid)]);
  });

  it('are left behind where the function does not use them', async () => {
    expect(await context.call(dependent.pidOf)).to.equal(context.pid);
  });

  it('are refused where they are native addons, with the imports that led there', async () => {
    const before = stream.bytesSent;
    const error = await failure(context.call(dependent.checksum, 'a'));
    expect(stream.bytesSent, 'nothing was sent').to.equal(before);
    expect(error).to.include({ name: 'BundleError', code: 'ERR_NATIVE_ADDON' });
    expect(error.message).to.match(
      /imports one: \S*dependent\.ts > \S*@node-rs\/crc32\/index\.js > \S*crc32\S*\.node; call a/,
    );
  });
});

describe('an imported module', () => {
  const router = new Router();
  let context: Context;
  let stream: Stream;
  before(async () => {
    ({ context, stream } = await startLeaf(router));
  });
  after(() => router.shutdown());

  it('runs its functions, whose results are awaited', async () => {
    const tasks = await context.import<typeof Tasks>(fixture('tasks.js'));
    expect(await tasks.add(1, 2)).to.equal(3);
    expect(await tasks.greet('you')).to.equal('hello you');
    expect(await tasks.default()).to.equal('the default');
    expect(Object.keys(tasks)).to.have.members([
      'add',
      'default',
      'fail',
      'greet',
      'state',
      'withCallback',
    ]);
  });

  it('runs its top-level code once per context, and shares its variables', async () => {
    const fresh = await router.local();
    const tasks = await fresh.import<typeof Tasks>(fixture('tasks.js'));
    await tasks.add(1, 2);
    const again = await fresh.import<typeof Tasks>(fileURLToPath(fixture('tasks.ts')));
    await again.add(3, 4);
    const expected = { evaluated: 1, calls: 2, isRemote: true, url: fixture('tasks.ts').href };
    expect(await tasks.state()).to.deep.equal(expected);
    expect((globalThis as { evaluated?: number }).evaluated).to.equal(undefined);
  });

  it('has functions that can be called under options, without reply, and in other contexts', async () => {
    const tasks = await context.import<typeof Tasks>(String(fixture('tasks.ts')));
    expect(await context.with({ timeout: 1e6 }).call(tasks.add, 1, 2)).to.equal(3);
    expect(await context.callAsync(tasks.greet, 'you').get()).to.equal('hello you');
    await context.callNoReply(tasks.add, 1, 2);
    expect(await router.local().call(tasks.add, 2, 2)).to.equal(4);
    using deadline = holdTimers(123_457);
    const hurried = await context
      .with({ timeout: 123_457, grace: 50 })
      .import<typeof Slow>(fixture('slow.ts'));
    const never = failure(hurried.never());
    await until('it is called', () => deadline.waiting > 0);
    deadline.fire();
    expect(await never).to.include({ code: 'ERR_TIMEOUT' });
  });

  it('fails with the lines of the file', async () => {
    const tasks = await context.import<typeof Tasks>(fixture('tasks.ts'));
    const error = await failure<CallError>(tasks.fail(21));
    expect(error).to.include({ remoteName: 'RangeError', message: '42 in thread true' });
    expect(error.stack).to.match(/at Object\.fail \(\S*packages\/tasks\.ts:\d+:\d+\)/);
    expect(error.stack).to.match(/in context hop\.leaf, called from --[\s\S]*packages\.test\.ts/);
  });

  it('refuses a name that is not exported, and what is no function', async () => {
    const tasks = await context.import<Record<string, AnyFunction>>(fixture('tasks.ts'));
    expect(() => tasks.subtract).to.throw(
      /^tasks\.ts has no export subtract: it exports Account, VERSION, add, default, .*; correct the name$/,
    );
    expect(() => tasks.VERSION).to.throw(/cannot reach VERSION of tasks\.ts: it is .*string/);
    expect(() => tasks.Account).to.throw(/cannot reach Account of tasks\.ts: it is a class/);
    try {
      tasks.subtract;
    } catch (error) {
      expect(error).to.include({ name: 'ModuleError', code: 'ERR_NO_FUNCTION' });
    }
  });

  it('is refused before anything is sent where there is no such file', async () => {
    const before = stream.bytesSent;
    const missing = await failure(context.import(fixture('missing.js')));
    expect(missing).to.include({ name: 'BundleError', code: 'ERR_BUNDLE' });
    expect(missing.message).to.match(/^cannot import \S*missing\.js: there is no such file; /);
    const folder = await failure(context.import(fixture('.')));
    expect(folder.message).to.match(/it is no file/);
    for (const url of ['./tasks.js', 'https://example.com/tasks.js', 'node:os']) {
      expect(await failure(context.import(url))).to.include({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG',
      });
    }
    const broken = await failure(context.import(fixture('waiting.mjs')));
    expect(broken).to.include({ code: 'ERR_BUNDLE' });
    expect(broken.message).to.match(/waiting\.mjs:\d+:\d+\); move the await into a function/);
    expect(stream.bytesSent).to.equal(before);
  });

  it('reports what its top-level code throws', async () => {
    const error = await failure(context.import(fixture('throwing.cjs')));
    expect(error).to.be.instanceOf(CallError);
    expect(error.message).to.equal('not today');
    expect(error.stack).to.match(/throwing\.cjs:\d+:\d+/);
  });
});

describe('a module', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinetin-modules-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is bundled once, whatever becomes of its files meanwhile', async () => {
    await writeFile(join(folder, 'lib.mjs'), 'export const version = "first";');
    await writeFile(
      join(folder, 'main.mjs'),
      'import { version } from "./lib.mjs"; export const read = (name) => name + version;',
    );
    const { read } = await import(pathToFileURL(join(folder, 'main.mjs')).href);
    await withRouter(async (router) => {
      expect(await router.local().call(read, 'a ')).to.equal('a first');
      await writeFile(join(folder, 'lib.mjs'), 'export const version = "second";');
      expect(await router.local().call(read, 'b ')).to.equal('b first');
    });
  });

  it('is sent once per hop, to any number of contexts behind it', async () => {
    const size = 200_000;
    // Digits that do not compress to nothing.
    let seed = 1;
    const digits = Array.from({ length: size }, () => {
      seed = (seed * 48_271) % 0x7fffffff;
      return String.fromCharCode(33 + (seed % 90)).replace(/["\\]/, '-');
    }).join('');
    const text = `const digits = "${digits}"; export const at = (i) => digits[i];`;
    await writeFile(join(folder, 'large.mjs'), text);
    const { at } = await import(pathToFileURL(join(folder, 'large.mjs')).href);
    await withRouter(async (router) => {
      const [hop, [stream]] = await recordStreams(() => router.local());
      const behind = await Promise.all([1, 2, 3].map(() => router.local({ via: hop })));
      // Whatever else the first call takes is there before anything is counted.
      for (const context of behind) await context.call(process.cwd);
      const growth: number[] = [];
      for (const context of [...behind, hop]) {
        const before = stream!.bytesSent;
        expect(await context.call(at, size - 1)).to.equal(digits.at(-1));
        growth.push(stream!.bytesSent - before);
      }
      expect(growth[0]).to.be.within(size / 2, size * 1.1);
      for (const more of growth.slice(1)) expect(more).to.be.below(500);
    });
  });

  it('is sent once where several contexts ask for it at the same time', async () => {
    const size = 100_000;
    const noise = Buffer.from(Array.from({ length: size }, (_, i) => (i * i * 7919) >> 3));
    const text = `const text = "${noise.toString('base64')}"; export const end = () => text.slice(-4);`;
    await writeFile(join(folder, 'shared.mjs'), text);
    const { end } = await import(pathToFileURL(join(folder, 'shared.mjs')).href);
    await withRouter(async (router) => {
      const [hop, [stream]] = await recordStreams(() => router.local());
      const behind = await Promise.all([1, 2].map(() => router.local({ via: hop })));
      for (const context of behind) await context.call(process.cwd);
      const before = stream!.bytesSent;
      await behind[0]!.call(end);
      const alone = stream!.bytesSent - before;
      const { end: other } = await copyOf(join(folder, 'shared.mjs'), text);
      const between = stream!.bytesSent;
      await Promise.all(behind.map((context) => context.call(other)));
      expect(stream!.bytesSent - between).to.be.below(alone + 1000);
    });
  });

  /** The same program under another name: other contents, as a source of equal size. */
  async function copyOf(path: string, text: string): Promise<{ end: () => string }> {
    const copy = path.replace('.mjs', '-copy.mjs');
    await writeFile(copy, text.replace('text.slice', 'text.slice  '));
    return await import(pathToFileURL(copy).href);
  }
});
