/**
 * A host that has busybox and nothing else, reached through dropbear: it is sent a Node, which is the one
 * that runs these tests. What can go wrong with a push is tested with real shells, but a Node that is
 * none, in packages/core/test/parent/runtime.
 */

import { fork } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Context, thisContext, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { BARE_USER, type BareRoot, canMakeBareRoot, makeBareRoot } from '../support/bare-root.js';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.js';
import { canRunDropbear, type Dropbear, startDropbear } from '../support/dropbear.js';
import { failure } from '../support/failure.js';
import { requirePart } from '../support/parts.js';
import { commandLineOf, until } from '../support/processes.js';

/** What no push is as small as, and no other connect as large as. */
const PUSH_BYTES = 20_000_000;

const CACHE = join(BARE_USER.home, '.cache/kinetin');

const execPath = () => process.execPath;

/** Writes a program that tells of itself, and has it run in every way that there is. */
async function runItself(): Promise<Record<string, unknown>> {
  const { writeFileSync } = await import('node:fs');
  const { execFileSync, execSync } = await import('node:child_process');
  const [file, file2] = ['/tmp/itself.js', '/tmp/itself-2.js'];
  const self = '[process.execPath, process.execArgv.length, process.argv[0]]';
  writeFileSync(file, `process.send(${self}); process.disconnect();`);
  const forked = new Promise((resolve) => fork(file).on('message', resolve));
  const worker = new Promise((resolve) => {
    const code = `require('worker_threads').parentPort.postMessage(${self})`;
    new Worker(code, { eval: true }).on('message', resolve);
  });
  writeFileSync(file2, `require('worker_threads').parentPort.postMessage(${self})`);
  const filed = new Promise((resolve) => {
    new Worker(file2, { execArgv: ['--no-warnings'] }).on('message', resolve);
  });
  const output = execFileSync(process.execPath, ['-p', `JSON.stringify(${self})`]);
  return {
    forked: await forked,
    worker: await worker,
    filed: await filed,
    started: JSON.parse(String(output)),
    environment: execSync('env').toString(),
  };
}

describe('a host with busybox and dropbear', () => {
  let root: BareRoot;
  let dropbear: Dropbear;
  let proxy: CountingProxy;
  const options = () => ({ ...dropbear.options('guest'), port: proxy.port });
  before(
    requirePart(
      'dropbear and busybox, as root',
      canRunDropbear() && canMakeBareRoot(),
      async () => {
        root = await makeBareRoot({ system: true });
        dropbear = await startDropbear(root);
        proxy = await startCountingProxy(dropbear.port);
      },
    ),
  );
  after(async () => {
    proxy?.close();
    await dropbear?.stop();
    await root?.remove();
  });

  const stored = () => readdir(join(root.folder, CACHE)).catch(() => []);

  it('is told apart from others with `runtime: never`, and is sent nothing', async () => {
    await withRouter(async (router) => {
      const error = await failure(router.ssh({ ...options(), runtime: 'never' }));
      expect(error).to.include({ code: 'ERR_NO_NODE', stage: 'node' });
      expect(error['exit']).to.deep.equal({ code: 127 });
    });
    expect(proxy.taken()).to.be.below(100_000);
    expect(existsSync(join(root.folder, CACHE))).to.equal(false);
  });

  it('has nothing left of a push that was cut, and is sent it again', async () => {
    await withRouter(async (router) => {
      const cut = proxy.cutAfter(10_000_000);
      const error = await failure(router.ssh(options()));
      await cut;
      expect(error).to.include({ name: 'ConnectError', stage: 'runtime' });
      await until('the files are gone', async () => (await stored()).length === 0);
    });
  });

  it('has nothing left of a push that was given up', async () => {
    await withRouter(async (router) => {
      const abort = new AbortController();
      const connecting = router.ssh({ ...options(), signal: abort.signal });
      await until('a file', async () => (await stored()).length > 0);
      abort.abort(new Error('enough'));
      expect((await failure(connecting)).message).to.equal('enough');
      await until('the files are gone', async () => (await stored()).length === 0);
    });
  });

  it('runs functions with the Node that it was sent, also what came before there was one', async () => {
    proxy.taken();
    await withRouter(async (router) => {
      const context = router.ssh(options());
      // Sent in the one flight, dropped there, and sent again.
      const early = context.call(hostname);
      const large = context.call((bytes: Uint8Array) => bytes.length, Buffer.alloc(3_000_000));
      expect(await early).to.equal(hostname());
      expect(await large).to.equal(3_000_000);
      const connected = await context;
      expect(connected.nodeVersion).to.equal(process.version);
      expect(await context.call(execPath)).to.equal(join(CACHE, (await stored())[0]!, 'node'));
      expect(commandLineOf(connected.pid!)).to.contain(`kinetin:`);
    });
    expect(proxy.taken()).to.be.above(PUSH_BYTES);
    expect(await stored()).to.have.length(1);
  });

  it('is sent nothing the next time', async () => {
    proxy.taken();
    await withRouter((router) => router.ssh(options()).call(hostname));
    expect(proxy.taken()).to.be.below(300_000);
  });

  it('lets user code find the same Node: forks, threads, programs that it starts', async () => {
    await withRouter(async (router) => {
      const context = await router.ssh(options());
      const node = await context.call(execPath);
      const { forked, worker, filed, started, environment } = await context.call(runItself);
      expect(forked).to.deep.equal([node, 0, node]);
      expect(filed).to.deep.equal([node, 1, node]);
      expect(worker).to.deep.equal([node, 0, node]);
      expect(started).to.deep.equal([node, 2, node]);
      expect(environment).not.to.match(/kinetin|LD_|NODE_/i);
      const { address } = await context.call(lookup, 'localhost', { family: 4 });
      expect(address).to.equal('127.0.0.1');
    });
  });

  it('passes the Node on: to contexts on it, and to bare hosts behind it', async () => {
    const other = await makeBareRoot({ system: true });
    const behind = await startDropbear(other);
    try {
      await withRouter(async (router) => {
        const first = await router.ssh(options());
        const here = router.local({ via: first });
        expect(await here.call(execPath)).to.equal(await first.call(execPath));
        const child = await first.call(async () => {
          const context = await thisContext().router.local();
          return [context, await context.call(hostname)] as [Context, string];
        });
        expect(child[1]).to.equal(hostname());
        proxy.taken();
        const second = await router.ssh({ ...behind.options('guest'), via: first });
        expect(await second.call(execPath)).to.match(
          /^\/home\/guest\/\.cache\/kinetin\/\w+\/node$/,
        );
        // The first one has it: it does not come from here again.
        expect(proxy.taken()).to.be.below(1_000_000);
        expect(await readdir(join(other.folder, CACHE))).to.deep.equal(await stored());
      });
    } finally {
      await behind.stop();
      await other.remove();
    }
  });

  it('forgets it on request: what runs goes on, the next one is sent it again', async () => {
    await withRouter(async (router) => {
      const context = await router.ssh(options());
      const { paths, bytes } = await context.forgetRuntime();
      expect(paths).to.deep.equal([CACHE]);
      expect(bytes).to.be.above(PUSH_BYTES);
      expect(existsSync(join(root.folder, CACHE))).to.equal(false);
      expect(await context.call(hostname)).to.equal(hostname());
      expect(await context.forgetRuntime()).to.deep.equal({ paths: [], bytes: 0 });
      // It cannot be passed on any more, and nobody says otherwise.
      expect(await failure(router.local({ via: context }))).to.include({ code: 'ERR_SPAWN' });
      // Its work thread can still be replaced.
      await failure(context.call(process.exit, 0));
      expect(await context.call(execPath)).to.match(/\/node$/);
      proxy.taken();
      const again = await router.ssh({ ...options(), name: 'again' });
      expect(await again.call(hostname)).to.equal(hostname());
      expect(proxy.taken()).to.be.above(PUSH_BYTES);
    });
  });
});
