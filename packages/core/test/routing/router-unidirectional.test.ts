/** Contexts that may talk only to those above and below them. */

import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { isolate } from '../../src/parent/unidirectional.js';
import type { Router } from '../../src/routing/router.js';
import type { Stream } from '../../src/routing/stream.js';
import { FLAG_DEAD } from '../../src/wire/flags.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B, C, D, E] = [0, 1, 2, 3, 4, 5];
const HANDLE = 500;

describe('routing/router-unidirectional', () => {
  /** master > a > b, a > c, master > d > e; a handle that anybody may use in each of them. */
  let tree: TestTree;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, A], [D, MASTER], [E, D]);
    for (const { router } of tree.contexts.values()) serve(router);
  });

  const serve = (router: Router) =>
    router.listen({ onMessage: (m) => router.reply(m, router.encode(router.id)) }, HANDLE);

  const ask = (from: number, to: number) => {
    const router = tree.router(from);
    return router.request(to, HANDLE, router.encode(0));
  };

  /** As the parent does that starts `id` with the option. */
  const hold = (id: number, parent: number) => {
    isolate(tree.router(parent), tree.router(parent).routes.get(id) as Stream);
  };

  async function expectRefused(from: number, to: number): Promise<void> {
    const error = await failure(ask(from, to));
    expect(error, `${from} to ${to}`).to.include({ name: 'DeadLetterError', code: 'ERR_REFUSED' });
    expect(error.message).to.contain(`context ${from} may not talk to context ${to}`);
  }

  it('without it all talk to all', async () => {
    for (const [from, to] of [
      [B, C],
      [B, E],
      [E, B],
    ] as const) {
      expect(await ask(from, to)).to.equal(to);
    }
  });

  it('refuses siblings and cousins, both ways, with a dead letter that names both ends', async () => {
    hold(B, A);
    for (const [from, to] of [
      [B, C],
      [C, B],
      [B, D],
      [D, B],
      [E, B],
      [B, E],
    ] as const) {
      await expectRefused(from, to);
    }
  });

  it('lets those above and below through', async () => {
    hold(A, MASTER);
    for (const [from, to] of [
      [MASTER, A],
      [MASTER, B],
      [A, MASTER],
      [B, MASTER],
      [B, A],
      [A, B],
    ] as const) {
      expect(await ask(from, to), `${from} to ${to}`).to.equal(to);
    }
  });

  it('holds for all that is below such a context, towards what is outside', async () => {
    hold(A, MASTER);
    await expectRefused(B, E);
    await expectRefused(E, C);
    expect(await ask(D, E)).to.equal(E);
  });

  it('refuses a context that nobody knows by the same rule', async () => {
    hold(B, A);
    await expectRefused(B, 999);
  });

  it('carries large messages up and down', async () => {
    hold(B, A);
    const master = tree.router(MASTER);
    const far = tree.router(B);
    const sum = far.listen({
      onMessage: (message) => far.reply(message, far.encode(far.decode(message))),
    });
    const large = Buffer.alloc(3_000_000, 7);
    const answer = (await master.request(B, sum, master.encode(large))) as Buffer;
    expect(answer.equals(large)).to.equal(true);
  });

  it('refuses large messages, and nothing waits behind them', async () => {
    hold(B, A);
    for (const value of [Buffer.alloc(3_000_000), Buffer.alloc(3_000_000), 'small']) {
      const router = tree.router(B);
      const error = await failure(router.request(C, 5000, router.encode(value)));
      expect(error).to.include({ code: 'ERR_REFUSED' });
    }
  });

  it('refuses a dead letter of a sibling, and what pretends to come from above', async () => {
    hold(B, A);
    let seen = 0;
    tree.router(C).listen({ onMessage: () => seen++ }, 600);
    const payload = serialize(['ERR_NO_ROUTE', 'not true']);
    for (const source of [B, A, MASTER]) {
      tree
        .get(B)
        .up?.write(
          naiveFrame({ source, destination: C, handle: 600, flags: FLAG_DEAD, payload }),
          () => {},
        );
    }
    await settle();
    expect(seen).to.equal(0);
    expect(tree.router(A).streams.size, 'nobody is cut off for it').to.equal(3);
  });

  it('leaves the news of a lost context to those above', async () => {
    hold(B, A);
    const waiting = failure(ask(MASTER, B));
    tree.get(B).up!.isHeld = true;
    await settle();
    tree.get(B).down?.cutOff('the line was cut');
    await settle();
    expect((await waiting).code).to.equal('ERR_CONTEXT_LOST');
  });
});
