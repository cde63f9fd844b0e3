/** What a router's option `bundle` does: packages that stay, what may not leave, plugins, data files. */

import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BundleOptions, Router, Service, withRouter } from '@kinetin/master';
import { crc32 } from '@node-rs/crc32';
import { expect } from 'chai';
import type { Plugin, PluginBuild } from 'esbuild';
import * as addon from '../fixtures/bundle/addon.js';
import { recordStreams, startLeaf } from '../fixtures/packages/recording.js';
import { failure } from '../support/failure.js';
import { collect } from '../support/heap.js';
import { requirePart } from '../support/parts.js';
import { until } from '../support/processes.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

const CRC32 = '@node-rs/crc32';

// biome-ignore lint/suspicious/noExplicitAny: functions of any shape are tried
type Anything = any;

class Keys extends Service {
  static readonly serviceName = 'keys';
  static readonly exposed = { open: { policy: 'anybody' } } as const;

  open() {
    return addon.checksum('a');
  }
}

/** `folder` of a test, which is empty, is not in this project, and goes with the test. */
let folder: string;
async function makeFolder(): Promise<void> {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kinetin-bundle-')));
}
const removeFolder = () => rm(folder, { recursive: true });

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** What a program in the folder exports. */
async function program(text: string, name = 'program.mjs'): Promise<Anything> {
  return await import(pathToFileURL(await write(name, text)).href);
}

/** Puts the package into a node_modules folder, as a package manager does that links. */
async function install(where = folder, name = CRC32): Promise<void> {
  const link = join(where, 'node_modules', name);
  await mkdir(dirname(link), { recursive: true });
  const installed = fileURLToPath(new URL(`../../node_modules/${CRC32}`, import.meta.url));
  await symlink(await realpath(installed), link);
}

describe('an external package', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  for (const workThread of ['eager', 'none'] as const) {
    it(`may be a native addon, installed where the function runs (workThread: ${workThread})`, async () => {
      await install();
      await withRouter(
        async (router) => {
          const context = router.local({ workThread });
          await context.call(process.chdir, folder);
          expect(await context.call(addon.checksum, 'a')).to.equal(crc32('a'));
          expect(await context.call(addon.checksumLater, 'b')).to.equal(crc32('b'));
        },
        { bundle: { external: [CRC32] } },
      );
    });
  }

  it('is found by functions that other functions call, and in every context', async () => {
    await install();
    await withRouter(
      async (router) => {
        const { context } = await startLeaf(router);
        const sibling = await router.local();
        for (const one of [context, sibling]) {
          await one.call(process.chdir, folder);
          expect(await one.call(addon.checksumBelow, 'a')).to.equal(crc32('a'));
          expect(await one.call(addon.addonBelow, 'a')).to.equal(crc32('a'));
        }
        const lent = router.local({ lendAuthority: true });
        await lent.call(process.chdir, folder);
        expect(await lent.call(addon.checksumBeside, sibling, 'a')).to.equal(crc32('a'));
      },
      { bundle: { external: ['@node-rs/*'] } },
    );
  });

  it('is told by its name, host and folder where it is not installed, and looked for again', async () => {
    await withRouter(
      async (router) => {
        const context = router.local({ name: 'web1' });
        await context.call(process.chdir, folder);
        for (const fn of [addon.checksum, addon.checksumLater]) {
          const error = await failure(context.call(fn, 'a'));
          expect(error).to.include({ code: 'ERR_NO_EXTERNAL', remoteName: 'ModuleError' });
          expect(error.message).to.equal(
            `cannot load @node-rs/crc32 on ${hostname()}: it is in bundle.external of the router, so it ` +
              `was not sent, and neither node_modules in ${folder} or above it nor NODE_PATH has it; ` +
              'install it there, or go to where it is with process.chdir',
          );
          expect(error.stack).to.not.match(/at .*kinetin-external/);
        }
        await install();
        expect(await context.call(addon.checksum, 'a')).to.equal(crc32('a'));
      },
      { bundle: { external: [CRC32] } },
    );
  });

  it('is found where NODE_PATH says, behind what is nearer', async () => {
    await install(join(folder, 'elsewhere'));
    const { NODE_PATH } = process.env;
    process.env.NODE_PATH = join(folder, 'elsewhere/node_modules');
    try {
      await withRouter(
        async (router) => {
          const context = router.local();
          await context.call(process.chdir, folder);
          expect(await context.call(addon.checksum, 'a')).to.equal(crc32('a'));
          expect(await context.call(addon.checksumLater, 'a')).to.equal(crc32('a'));
          await write(`near/node_modules/${CRC32}/index.js`, 'exports.crc32 = () => "near";');
          await context.call(process.chdir, join(folder, 'near'));
          const again = async (text: string) => (await import('@node-rs/crc32')).crc32(text);
          expect(await context.call(again, 'a')).to.equal('near');
        },
        { bundle: { external: [CRC32] } },
      );
    } finally {
      if (NODE_PATH === undefined) delete process.env.NODE_PATH;
      else process.env.NODE_PATH = NODE_PATH;
    }
  });

  it('keeps what it has thrown itself', async () => {
    await write(`node_modules/${CRC32}/index.js`, 'throw new RangeError("wrong machine");');
    await withRouter(
      async (router) => {
        const context = router.local();
        await context.call(process.chdir, folder);
        const error = await failure(context.call(addon.checksum, 'a'));
        expect(error).to.include({ code: 'ERR_CALL', remoteName: 'RangeError' });
        expect(error.message).to.equal('wrong machine');
      },
      { bundle: { external: [CRC32] } },
    );
  });

  it('is sent by routers without the option, and with another one: what was bundled is not mixed up', async () => {
    await write('node_modules/answer/index.js', 'exports.answer = () => "sent";');
    await write('there/node_modules/answer/index.js', 'exports.answer = () => "installed";');
    const { ask } = await program(
      'import { answer } from "answer"; export const ask = () => answer();',
    );
    const answers: string[] = [];
    for (const bundle of [undefined, { external: ['answer'] }, { external: ['other'] }]) {
      await withRouter(
        async (router) => {
          const context = router.local();
          await context.call(process.chdir, join(folder, 'there'));
          answers.push(await context.call(ask));
        },
        { bundle },
      );
    }
    expect(answers).to.deep.equal(['sent', 'installed', 'sent']);
  });

  it('does not leave by a function that another router has imported', async () => {
    await write('node_modules/answer/index.js', 'exports.answer = () => "sent";');
    const url = pathToFileURL(
      await write(
        'whole.mjs',
        'import { answer } from "answer"; export const ask = () => answer();',
      ),
    );
    const routers = [{}, {}, { bundle: { external: ['answer'] } }].map((one) => new Router(one));
    const [one, other, strict] = routers.map((router) => router.local());
    const { ask } = await one!.import<{ ask(): string }>(url);
    expect(await other!.call(ask)).to.equal('sent');
    const error = await failure(strict!.call(ask));
    expect(error).to.include({ name: 'SliceError', code: 'ERR_NOT_CALLABLE' });
    expect(error.message).to.match(
      /^cannot send ask: it is of a module that was imported with another/,
    );
    await Promise.all(routers.map((router) => router.shutdown()));
  });

  it('cannot be called itself, since its text is not sent', async () => {
    await write('node_modules/answer/index.js', 'exports.answer = () => "sent";');
    const { answer } = await program('export { answer } from "answer";');
    await withRouter(
      async (router) => {
        const error = await failure(router.local().call(answer));
        expect(error).to.include({ name: 'BundleError', code: 'ERR_BUNDLE' });
        expect(error.message).to.match(/it is of answer\/index\.js, which is in bundle\.external/);
      },
      { bundle: { external: ['answer'] } },
    );
  });

  describe('that is an ES module', () => {
    const main = process.execPath;
    let oldest = '';
    before(async function () {
      this.timeout(300_000);
      await requirePart('Linux on x64', canFetchNode, async () => {
        oldest = await fetchNode('12.22.12');
      }).call(this);
    });

    for (const [title, node] of [
      ['this Node', () => main],
      ['Node 12', () => oldest],
    ] as const) {
      it(`is had by await import(), and not by an import at the top (${title})`, async () => {
        const manifest = { name: 'modern', type: 'module', exports: { import: './index.js' } };
        await write('node_modules/modern/package.json', JSON.stringify(manifest));
        await write('node_modules/modern/index.js', 'export default 1; export const two = 2;');
        const plain = { ...manifest, name: 'plain', exports: './index.js' };
        await write('node_modules/plain/package.json', JSON.stringify(plain));
        await write('node_modules/plain/index.js', 'export default 3;');
        const { later, top, other } = await program(`
          import one from 'modern';
          import three from 'plain';
          export const later = async () => {
            const { default: one, two } = await import('modern');
            return [one, two, (await import('plain')).default];
          };
          export const top = () => one;
          export const other = () => three;`);
        await withRouter(
          async (router) => {
            const context = router.local({ node: node() });
            await context.call(process.chdir, folder);
            expect(await context.call(later)).to.deep.equal([1, 2, 3]);
            for (const [fn, reason] of [
              [top, 'cannot be required'],
              [other, 'plain/index.js cannot be required: '],
            ]) {
              const error = await failure(context.call(fn));
              expect(error).to.include({ code: 'ERR_NO_EXTERNAL' });
              expect(error.message).to.include(reason);
              expect(error.message).to.match(/; take it with await import\(\) in the function$/);
            }
          },
          { bundle: { external: ['modern', 'plain'] } },
        );
      });
    }
  });
});

describe('what is denied', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  const KEY = 'export const key = () => "the key";';

  /** Makes the call in a context behind a hop; resolves with why it failed, when nothing was sent. */
  async function refusal(
    bundle: BundleOptions,
    call: (context: Anything) => PromiseLike<unknown>,
  ): Promise<Error> {
    const router = new Router({ bundle });
    try {
      const { context, stream } = await startLeaf(router);
      const before = stream.bytesSent;
      const error = await failure(call(context));
      expect(stream.bytesSent, 'nothing was sent').to.equal(before);
      expect(error).to.include({ name: 'BundleError', code: 'ERR_DENIED' });
      return error;
    } finally {
      await router.shutdown();
    }
  }

  it('does not leave, whatever is called: the error tells the imports that lead to it', async () => {
    await write('secrets/key.mjs', KEY);
    await write('lib.mjs', 'export { key } from "./secrets/key.mjs";');
    const url = pathToFileURL(await write('whole.mjs', 'export { key as open } from "./lib.mjs";'));
    const { exported, inline } = await program(`
      import { key } from './lib.mjs';
      export const exported = () => key();
      export const inline = () => (() => key());`);
    const deny = [join(folder, 'secrets')];
    const how = `secrets/key.mjs must not leave, since bundle.deny of the router has "${deny[0]}"`;
    const chain = 'lib.mjs > secrets/key.mjs; call a function that does without';
    expect((await refusal({ deny }, (context) => context.call(exported))).message).to.equal(
      `cannot bundle program.mjs#exported: ${how}: program.mjs > ${chain}`,
    );
    expect((await refusal({ deny }, (context) => context.call(inline()))).message).to.equal(
      `cannot bundle program.mjs:4:36: ${how}: program.mjs > ${chain}`,
    );
    expect((await refusal({ deny }, (context) => context.import(url))).message).to.equal(
      `cannot bundle whole.mjs: ${how}: whole.mjs > ${chain}`,
    );
    expect(
      (await refusal({ deny: [CRC32] }, (context) => context.service(Keys).open())).message,
    ).to.match(/crc32\S* must not leave, since .* "@node-rs\/crc32": \S+ > \S*addon\.ts > \S+;/);
  });

  it('is also the file of the function itself', async () => {
    const { key } = await program(KEY, 'secrets/key.mjs');
    const deny = [pathToFileURL(join(folder, 'secrets'))];
    const error = await refusal({ deny }, (context) => context.call(key));
    expect(error.message).to.match(/key\.mjs must not leave, .* "file:\S+": it is of that file; /);
  });

  it('is not reached by what the slice leaves behind', async () => {
    await write('secrets/key.mjs', KEY);
    const { other } = await program(`
      import { key } from './secrets/key.mjs';
      export const open = () => key();
      export const other = () => 'other';`);
    await withRouter(async (router) => expect(await router.local().call(other)).to.equal('other'), {
      bundle: { deny: [join(folder, 'secrets')] },
    });
  });

  it('is everything but what is allowed, where that is listed', async () => {
    await write('node_modules/good/index.js', 'module.exports = require("helper");');
    await write('node_modules/helper/index.js', 'module.exports = () => 1;');
    const { call } = await program('import good from "good"; export const call = () => good();');
    const own = join(folder, 'program.mjs');
    const bare = await refusal({ allow: [own, 'good'] }, (context) => context.call(call));
    expect(bare.message).to.match(
      /helper\/index\.js must not leave, since nothing in bundle\.allow of the router stands for it: program\.mjs > node_modules\/good\/index\.js > node_modules\/helper\/index\.js;/,
    );
    await refusal({ allow: ['good', 'helper'] }, (context) => context.call(call));
    await refusal({ allow: [own, 'good', 'helper'], deny: ['helper'] }, (context) =>
      context.call(call),
    );
    await withRouter(async (router) => expect(await router.local().call(call)).to.equal(1), {
      bundle: { allow: [own, 'good', 'helper'] },
    });
  });
});

describe('plugins of esbuild', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  it('replace and change the modules that functions import, before they leave', async () => {
    await write('config.mjs', 'export const stage = "test"; throw new Error(import.meta.url);');
    await write('greet.mjs', 'export const greet = () => "hello from HERE";');
    const { answer } = await program(`
      const imported = () => Promise.all([import('./config.mjs'), import('./greet.mjs')]);
      export const answer = async () => {
        const [{ stage }, { greet }] = await imported();
        return [stage, greet(), 'HERE'];
      };`);
    const seen: string[] = [];
    const plugin: Plugin = {
      name: 'replace',
      setup(build) {
        build.onLoad({ filter: /config\.mjs$/ }, () => ({
          contents: 'export const stage = "live"',
        }));
        build.onLoad({ filter: /\.mjs$/ }, async ({ path }) => {
          seen.push(path);
          const { readFile } = await import('node:fs/promises');
          return { contents: (await readFile(path, 'utf8')).replace('HERE', 'there') };
        });
      },
    };
    // One plugin, several routers.
    for (let i = 0; i < 2; i++) {
      await withRouter(
        async (router) =>
          expect(await router.local().call(answer)).to.deep.equal([
            'live',
            'hello from there',
            'HERE',
          ]),
        { bundle: { plugins: [plugin] } },
      );
    }
    expect(seen).to.deep.equal(Array(2).fill(join(folder, 'greet.mjs')));
  });

  it('see a module of context.import as a whole', async () => {
    const url = pathToFileURL(await write('whole.mjs', 'export const where = () => "HERE";'));
    const plugin = {
      name: 'rewrite',
      setup(build: PluginBuild) {
        build.onLoad({ filter: /whole\.mjs$/ }, () => ({
          contents: 'export const where = () => "there";',
        }));
      },
    };
    await withRouter(
      async (router) => {
        const { where } = await router.local().import<{ where(): string }>(url);
        expect(await where()).to.equal('there');
      },
      { bundle: { plugins: [plugin] } },
    );
  });

  it('never get the program itself, nor the packages of Kinetin', async () => {
    await write(
      'back.mjs',
      'import { base } from "./program.mjs"; export const up = () => base() + 1;',
    );
    const { count } = await program(`
      import { up } from './back.mjs';
      export const base = () => 1;
      globalThis.programRuns = (globalThis.programRuns ?? 0) + 1;
      export const count = () => [up(), globalThis.programRuns];`);
    const seen: string[] = [];
    const plugin = {
      name: 'all',
      setup(build: PluginBuild) {
        build.onResolve({ filter: /^@kinetin/ }, ({ path }) => {
          seen.push(path);
        });
        build.onLoad({ filter: /^/ }, ({ path }) => {
          seen.push(path);
        });
      },
    };
    await withRouter(
      async (router) => {
        expect(await router.local().call(count)).to.deep.equal([2, undefined]);
        await router.local().call(addon.checksumBelow, 'a');
      },
      { bundle: { plugins: [plugin], external: [CRC32] } },
    );
    expect(seen.filter((path) => !path.includes('crc32'))).to.deep.equal([
      join(folder, 'back.mjs'),
    ]);
  });

  it('and all that was bundled with them are gone with their router', async () => {
    await write('data.mjs', 'export const data = 1;');
    const { read } = await program(
      'import { data } from "./data.mjs"; export const read = () => data;',
    );
    const plugins: WeakRef<object>[] = [];
    for (let i = 0; i < 5; i++) {
      const plugin = { name: `number${i}`, setup() {} };
      plugins.push(new WeakRef(plugin));
      await withRouter(
        async (router) => expect(await router.local({ heartbeat: false }).call(read)).to.equal(1),
        {
          bundle: { plugins: [plugin] },
        },
      );
    }
    // The last one may still be held by a frame of this test.
    await until('the others are gone', () => {
      collect();
      return plugins.slice(0, -1).every((plugin) => !plugin.deref());
    });
  });

  it('that fail are named, with what they have thrown', async () => {
    await write('data.mjs', 'export const data = 1;');
    const { read } = await program(
      'import { data } from "./data.mjs"; export const read = () => data;',
    );
    const thrown = new RangeError('no such table');
    const setups: [(build: PluginBuild) => void, RegExp][] = [
      [
        (build) =>
          build.onLoad({ filter: /data/ }, () => {
            throw thrown;
          }),
        /: plugin tables: no such table \(\S*modules\.test\.ts:\d+:\d+\); see to the plugin$/,
      ],
      [
        () => {
          throw thrown;
        },
        /: plugin tables: no such table \(\S*modules\.test\.ts:\d+:\d+\); see to the plugin$/,
      ],
      [
        (build) => build.onLoad({ filter: /data/ }, () => ({ errors: [{ text: 'no schema' }] })),
        /: plugin tables: no schema \(\S*program\.mjs:1:22\); see to the plugin$/,
      ],
    ];
    for (const [setup, message] of setups) {
      await withRouter(
        async (router) => {
          const error = await failure(router.local().call(read));
          expect(error).to.include({ name: 'BundleError', code: 'ERR_BUNDLE' });
          expect(error.message).to.match(message);
          if (/no such/.test(message.source)) expect(error.cause).to.equal(thrown);
        },
        { bundle: { plugins: [{ name: 'tables', setup }] } },
      );
    }
  });
});

describe('data files', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  /** `(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))` */
  const ADD = Buffer.from(
    '0061736d0100000001070160027f7f017f03020100070701036164640000' + '0a09010700200020016a0b',
    'hex',
  );
  const loader = { '.sql': 'text', '.geojson': 'json', '.wasm': 'binary' } as const;

  it('that functions import travel with them: text, JSON and bytes', async () => {
    await write('node_modules/tables/schema.sql', 'create table "t\u00e4glich" (id int);\n');
    await write('place.geojson', '{ "type": "Point", "coordinates": [1, 2] }');
    await write('add.wasm', ADD);
    const { schema, coordinates, add } = await program(`
      export const schema = async () => (await import('tables/schema.sql')).default;
      export const coordinates = async () => (await import('./place.geojson')).coordinates;
      export const add = async (a, b) => {
        const { default: bytes } = await import('./add.wasm');
        const { instance } = await WebAssembly.instantiate(bytes);
        return [instance.exports.add(a, b), process.pid];
      };`);
    await withRouter(
      async (router) => {
        const { context } = await startLeaf(router);
        await rm(join(folder, 'add.wasm'), { force: true }).then(() => write('add.wasm', ADD));
        expect(await context.call(schema)).to.equal('create table "t\u00e4glich" (id int);\n');
        expect(await context.call(coordinates)).to.deep.equal([1, 2]);
        expect(await context.call(add, 2, 3)).to.deep.equal([5, context.pid]);
      },
      { bundle: { loader } },
    );
  });

  it('that a module imports at its top travel with it, once for each hop', async () => {
    const noise = createCipheriv('aes-128-ctr', 'k'.repeat(16), 'i'.repeat(16)).update(
      Buffer.alloc(50_000),
    );
    await write('noise.dat', noise);
    const url = pathToFileURL(
      await write(
        'reader.mjs',
        `import bytes from './noise.dat';
         export const sum = () => bytes.reduce((sum, byte) => sum + byte, 0);
         export const fail = () => { throw new Error('late'); };`,
      ),
    );
    await withRouter(
      async (router) => {
        const [hop, [stream]] = await recordStreams(() => router.local({ heartbeat: false }));
        const growth: number[] = [];
        for (const context of [router.local({ via: hop }), router.local({ via: hop })]) {
          await context.call(process.cwd);
          const before = stream!.bytesSent;
          const reader = await context.import<{ sum(): number; fail(): void }>(url);
          expect(await reader.sum()).to.equal(noise.reduce((sum, byte) => sum + byte, 0));
          growth.push(stream!.bytesSent - before);
          const error = await failure(reader.fail());
          expect(error.stack).to.match(/reader\.mjs:3:\d+/);
        }
        expect(growth[0]).to.be.above(noise.length / 2);
        expect(growth[1]).to.be.below(1000);
      },
      { bundle: { loader: { '.dat': 'binary' } } },
    );
  });

  it('of an ending that nobody has named are refused, with what to do', async () => {
    await write('a.sql', 'select 1;');
    const { read } = await program('export const read = () => import("./a.sql");');
    await withRouter(async (router) => {
      const error = await failure(router.local().call(read));
      expect(error).to.include({ code: 'ERR_BUNDLE' });
      expect(error.message).to.match(
        /a\.sql.*; name one for such files in bundle\.loader, an option/,
      );
    });
  });
});
