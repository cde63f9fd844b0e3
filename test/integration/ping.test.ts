/** Whether contexts are there, and how far away. */

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Context, type PendingContext, type TreeNode, withRouter } from '@kinetin/master';
import { expect } from 'chai';
import { blockBetween } from '../fixtures/rendezvous.js';
import { failure } from '../support/failure.js';
import { holdTimers } from '../support/held-timers.js';
import { until } from '../support/processes.js';

describe('ping', () => {
  it('measures the way to a context and back, at any depth, also before it is connected', async () => {
    await withRouter(async (router) => {
      const outer = router.local();
      const inner = router.local({ via: outer, workThread: 'none' });
      const measure = async (context: Context | PendingContext) => {
        const start = performance.now();
        const roundTripMs = await context.ping();
        expect(roundTripMs).to.be.above(0);
        expect(roundTripMs).to.be.below(performance.now() - start);
      };
      await Promise.all([measure(outer), measure(inner)]);
      await measure(await inner);
    });
  });

  it('is answered while a function blocks its thread, but not without a work thread', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kinetin-ping-'));
    const [one, two, release] = ['one', 'two', 'release'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await withRouter(async (router) => {
      const threaded = await router.local();
      const single = await router.local({ workThread: 'none' });
      const calls = [
        threaded.call(blockBetween, one, release),
        single.call(blockBetween, two, release),
      ];
      await until('both block', () => existsSync(one) && existsSync(two));
      expect(await threaded.ping()).to.be.above(0);
      const error = await failure(single.ping({ timeout: 100 }));
      expect(error).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
      await writeFile(release, '');
      await Promise.all(calls);
      expect(await single.ping()).to.be.above(0);
    });
    await rm(folder, { recursive: true });
  });

  it('fails where the context was lost, and where it could not be started', async () => {
    await withRouter(async (router) => {
      const context = await router.local();
      process.kill(context.pid as number, 'SIGSTOP');
      const ping = failure(context.ping());
      process.kill(context.pid as number, 'SIGKILL');
      expect(await ping).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
      expect(await failure(context.ping())).to.include({ code: 'ERR_NO_ROUTE' });
      const none = router.local({ node: '/nowhere/node' });
      expect(await failure(none.ping())).to.include({ name: 'ConnectError', code: 'ERR_SPAWN' });
    });
  });
});

/** Without the option. */
const TREE_TIMEOUT_MS = 1000;

describe('tree', () => {
  /** The names and round trips of all nodes but the root. */
  const flat = ({ children }: TreeNode): [string, number | undefined][] =>
    children.flatMap((child) => [[child.name, child.roundTripMs], ...flat(child)]);

  it('has the round trip of each context, all asked at once', async () => {
    await withRouter(async (router) => {
      const outer = await router.local({ name: 'outer' });
      await router.local({ name: 'inner', via: outer });
      const root = await router.tree({ timeout: 60_000 });
      expect(root).to.deep.include({ name: 'master', pid: process.pid, roundTripMs: 0 });
      const [node] = root.children;
      const { pid, nodeVersion, method } = outer;
      expect(node).to.deep.include({ name: 'outer', pid, nodeVersion, method });
      expect(flat(root).map(([name]) => name)).to.deep.equal(['outer', 'outer.inner']);
      for (const [, roundTripMs] of flat(root)) expect(roundTripMs).to.be.above(0);
    });
  });

  it('does not wait for what is still being started', async () => {
    await withRouter(async (router) => {
      const context = router.local({ name: 'new' });
      const [node] = (await router.tree()).children;
      expect(node).to.deep.include({ name: 'new', pid: undefined, roundTripMs: undefined });
      await context;
    });
  });

  it('waits for nobody longer than it may, and does not fail for it', async () => {
    await withRouter(async (router) => {
      const stopped = await router.local({ name: 'stopped', heartbeat: false });
      const other = await router.local({ name: 'other' });
      const late = router.local({ name: 'late', via: stopped });
      process.kill(stopped.pid as number, 'SIGSTOP');
      try {
        for (const timeout of [123_457, undefined]) {
          using deadlines = holdTimers(timeout ?? TREE_TIMEOUT_MS);
          const asked = router.tree({ timeout });
          // Answered behind the ping of the tree.
          await other.ping();
          await until('one is still waited for', () => deadlines.waiting === 1);
          deadlines.fire();
          const nodes = flat(await asked);
          expect(nodes.map(([name]) => name)).to.deep.equal(['stopped', 'stopped.late', 'other']);
          const [of, behind, well] = nodes.map(([, roundTripMs]) => roundTripMs);
          expect([of, behind]).to.deep.equal([undefined, undefined]);
          expect(well).to.be.a('number');
        }
      } finally {
        process.kill(stopped.pid as number, 'SIGCONT');
      }
      await late;
      expect(await other.ping()).to.be.above(0);
    });
  });

  it('gives up with the reason of its signal, and has nothing of what was lost meanwhile', async () => {
    await withRouter(async (router) => {
      expect(await failure(router.tree({ signal: AbortSignal.abort('no') }))).to.equal('no');
      const context = await router.local();
      process.kill(context.pid as number, 'SIGSTOP');
      const abort = new AbortController();
      const given = failure(router.tree({ signal: abort.signal, timeout: 60_000 }));
      const kept = router.tree({ timeout: 60_000 });
      abort.abort('enough');
      expect(await given).to.equal('enough');
      process.kill(context.pid as number, 'SIGKILL');
      expect((await kept).children).to.deep.equal([]);
      await until('it is gone', async () => (await router.tree()).children.length === 0);
    });
  });
});
