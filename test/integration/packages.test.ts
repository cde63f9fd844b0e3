/** What functions bring along: dependencies from npm, and each module once. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Router as CoreRouter, type Stream } from '@kinetin/core';
import { type Context, type Router, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import * as dependent from '../fixtures/packages/dependent.js';
import { failure } from '../support/failure.js';

describe('npm dependencies', () => {
  let end = () => {};
  let running: Promise<void>;
  let context: Context;
  before(async () => {
    await new Promise<void>((ready, failed) => {
      running = withRouter(async (router: Router) => {
        context = await router.local();
        ready();
        await new Promise<void>((resolve) => {
          end = resolve;
        });
      });
      running.catch(failed);
    });
  });
  after(async () => {
    end();
    await running;
  });

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
    const error = await failure(context.call(dependent.checksum, 'a'));
    expect(error).to.include({ name: 'BundleError', code: 'ERR_NATIVE_ADDON' });
    expect(error.message).to.match(
      /imports one: \S*dependent\.ts > \S*@node-rs\/crc32\/index\.js > \S*crc32\S*\.node; call a/,
    );
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
      const streams: Stream[] = [];
      const hop = await recording(streams, () => router.local());
      const [stream] = streams.filter(({ peer }) => peer === hop.id);
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
      const streams: Stream[] = [];
      const hop = await recording(streams, () => router.local());
      const [stream] = streams.filter(({ peer }) => peer === hop.id);
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

/** Runs `start` and notes the streams that routers get meanwhile. */
async function recording<Value>(
  streams: Stream[],
  start: () => PromiseLike<Value>,
): Promise<Value> {
  const { addStream } = CoreRouter.prototype;
  CoreRouter.prototype.addStream = function (...args) {
    const stream = addStream.apply(this, args);
    streams.push(stream);
    return stream;
  };
  try {
    return await start();
  } finally {
    CoreRouter.prototype.addStream = addStream;
  }
}
