import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import type { CallHost } from '../../src/calls/host.js';
import { Context } from '../../src/context/context.js';
import type { Connected } from '../../src/parent/connection.js';
import type { Message } from '../../src/routing/message.js';
import type { Router } from '../../src/routing/router.js';
import { PING } from '../../src/wire/handles.js';

const [MASTER, CHILD] = [0, 1];
const CONNECTED: Connected = { pid: 4711, nodeVersion: 'v20.0.0', facts: {} };

describe('context', () => {
  describe('ping', () => {
    let tree: TestTree;
    /** What the child got, and has not answered. */
    let pings: Message[];
    /** Handles of the master that wait for an answer. */
    let waiting: Set<number>;

    beforeEach(async () => {
      tree = await TestTree.grow([CHILD, MASTER]);
      pings = [];
      waiting = watchHandles(tree.router(MASTER));
      tree.router(CHILD).listen({ onMessage: (ping) => pings.push(ping) }, PING);
    });

    function contextOf(connected: Promise<Connected>): Context {
      const host = { core: tree.router(MASTER) } as unknown as CallHost;
      return new Context(host, { id: CHILD, name: 'one', connected });
    }

    function answer(): void {
      const child = tree.router(CHILD);
      for (const ping of pings.splice(0)) child.reply(ping, child.encode(0));
    }

    it('resolves with the time from the request to its answer, in milliseconds', async () => {
      const before = performance.now();
      const ping = contextOf(Promise.resolve(CONNECTED)).ping();
      await settle();
      const wait = performance.now() + 30;
      while (performance.now() < wait);
      answer();
      const roundTripMs = await ping;
      expect(roundTripMs).to.be.within(30, performance.now() - before);
      expect(Number.isInteger(roundTripMs)).to.equal(false);
    });

    it('sends nothing before the context is connected, and does not count the wait', async () => {
      let connect: (connected: Connected) => void = () => {};
      const ping = contextOf(new Promise((resolve) => (connect = resolve))).ping();
      await settle();
      const wait = performance.now() + 50;
      while (performance.now() < wait);
      expect(pings).to.deep.equal([]);
      const connectedAt = performance.now();
      connect(CONNECTED);
      await settle();
      answer();
      expect(await ping).to.be.below(performance.now() - connectedAt);
    });

    it('that is given up waits for nothing any more, and a late answer hurts nobody', async () => {
      const context = contextOf(Promise.resolve(CONNECTED));
      const reason = new Error('enough');
      const abort = new AbortController();
      const failures = [
        failure(context.ping({ timeout: 10 })),
        failure(context.ping({ signal: abort.signal })),
      ];
      await settle();
      expect(pings).to.have.lengthOf(2);
      expect(waiting.size).to.equal(2);
      abort.abort(reason);
      const [timeout, aborted] = await Promise.all(failures);
      expect(timeout).to.include({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
      expect(timeout?.message).to.equal('the ping of one was not over after 10 ms');
      expect(aborted).to.equal(reason);
      expect(waiting.size).to.equal(0);
      answer();
      await settle();
      expect(tree.get(MASTER).complaints).to.deep.equal([]);
    });

    it('that is given up before the context is connected is never sent', async () => {
      let connect: (connected: Connected) => void = () => {};
      const context = contextOf(new Promise((resolve) => (connect = resolve)));
      expect(await failure(context.ping({ timeout: 1 }))).to.include({ code: 'ERR_TIMEOUT' });
      expect(await failure(context.ping({ signal: AbortSignal.abort('no') }))).to.equal('no');
      connect(CONNECTED);
      await settle();
      expect(pings).to.deep.equal([]);
      expect(waiting.size).to.equal(0);
    });

    it('rejects with the reason why the context could not be started', async () => {
      const reason = new Error('no such host');
      expect(await failure(contextOf(Promise.reject(reason)).ping())).to.equal(reason);
    });

    it('rejects with a dead letter where the context is lost, before it or meanwhile', async () => {
      const context = contextOf(Promise.resolve(CONNECTED));
      const meanwhile = failure(context.ping());
      await settle();
      tree.get(CHILD).down?.cutOff('the cable');
      expect(await meanwhile).to.include({ name: 'DeadLetterError', code: 'ERR_CONTEXT_LOST' });
      expect(await failure(context.ping())).to.include({ code: 'ERR_NO_ROUTE' });
    });
  });
});

/** The handles that `router` listens on from now on. */
function watchHandles(router: Router): Set<number> {
  const open = new Set<number>();
  const { listen, unlisten } = router;
  router.listen = (...args) => {
    const handle = listen.apply(router, args);
    open.add(handle);
    return handle;
  };
  router.unlisten = (handle) => {
    open.delete(handle);
    unlisten.call(router, handle);
  };
  return open;
}
