import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { stateOf } from '../../../../test/support/router-state.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import type { DeadLetterError } from '../../src/errors.js';
import type { Router } from '../../src/routing/router.js';
import type { Stream } from '../../src/routing/stream.js';
import { MAX_UNDER_WAY } from '../../src/wire/limits.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B, C, D, E] = [0, 1, 2, 3, 4, 5];
const DEL_ROUTE = 105;

/** Listens and never answers. */
const silence = (router: Router): number => router.listen({ onMessage: () => {} });

const ask = (router: Router, destination: number, handle: number, value: unknown = null) =>
  router.request(destination, handle, router.encode(value));

describe('routing/router-lost', () => {
  /** master > a > b, master > c > d, master > e */
  let tree: TestTree;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, MASTER], [D, C], [E, MASTER]);
  });

  /** Requests of `from` to `to` that wait, and what became of them. */
  async function wait(pairs: [from: number, to: number][]): Promise<Map<string, DeadLetterError>> {
    const failed = new Map<string, DeadLetterError>();
    for (const [from, to] of pairs) {
      const answer = ask(tree.router(from), to, silence(tree.router(to)));
      answer.catch((error) => failed.set(`${from} to ${to}`, error));
    }
    await settle();
    expect(failed.size, 'all of them wait').to.equal(0);
    return failed;
  }

  const pending = () => [...tree.contexts.values()].map(({ router }) => stateOf(router).pending);
  const breakOff = async (id: number, reason = 'the line was cut') => {
    tree.get(id).down?.cutOff(reason);
    await settle();
  };

  it('fails the requests of a parent to its child, with the reason', async () => {
    const failed = await wait([[MASTER, E]]);
    await breakOff(E);
    const error = failed.get('0 to 5');
    expect(error?.code).to.equal('ERR_CONTEXT_LOST');
    expect(error?.message).to.equal('context 5 is lost: the line was cut');
  });

  it('fails the requests to a grandchild, of the master, of its parent and of cousins', async () => {
    const failed = await wait([
      [MASTER, B],
      [A, B],
      [C, B],
      [D, B],
      [MASTER, A],
      [D, A],
      [E, C],
    ]);
    await breakOff(B);
    expect([...failed.keys()].sort()).to.deep.equal(['0 to 2', '1 to 2', '3 to 2', '4 to 2']);
    for (const error of failed.values()) {
      expect(error.code).to.equal('ERR_CONTEXT_LOST');
      expect(error.message).to.contain('the line was cut');
    }
    await breakOff(A);
    await breakOff(C);
  });

  it('fails the requests to all that was behind a lost context', async () => {
    const failed = await wait([
      [MASTER, B],
      [D, B],
      [E, A],
      [E, B],
    ]);
    await breakOff(A);
    expect([...failed.keys()].sort()).to.deep.equal(['0 to 2', '4 to 2', '5 to 1', '5 to 2']);
    expect(pending()[MASTER]).to.equal(0);
  });

  it('tells those who sent to it without wanting an answer, and no others', async () => {
    tree.router(D).post(B, 5000, 'x');
    await settle();
    await breakOff(B);
    const told = (id: number) => tree.get(id).lost.map(([lost]) => lost);
    expect([MASTER, A, C, D].map(told)).to.deep.equal([[B], [B], [B], [B]]);
    expect(told(E), 'it never talked to it').to.deep.equal([]);
  });

  it('tells everybody once', async () => {
    tree.router(D).post(B, 5000, 'x');
    tree.router(D).post(B, 5000, 'y');
    await settle();
    await breakOff(B);
    await breakOff(A);
    expect(tree.get(D).lost.map(([lost]) => lost)).to.deep.equal([B]);
    expect(tree.get(MASTER).lost.map(([lost]) => lost)).to.deep.equal([B, A]);
  });

  it('leaves no route', async () => {
    await breakOff(A);
    expect([...tree.router(MASTER).routes.keys()].sort()).to.deep.equal([C, D, E]);
    expect(tree.router(MASTER).streams.size).to.equal(2);
    for (const id of [A, B]) {
      const error = await failure(ask(tree.router(D), id, 1000));
      expect(error.code).to.equal('ERR_NO_ROUTE');
    }
  });

  it('drops the late answers of what is lost', async () => {
    const failed = await wait([[MASTER, B]]);
    tree.router(A).removeRoute(B, 'gone');
    await settle();
    expect(failed.size).to.equal(1);
    tree
      .get(B)
      .up?.write(naiveFrame({ source: B, handle: 1000, payload: serialize('late') }), () => {});
    await settle();
    expect(tree.get(A).complaints.join()).to.contain('dropped a frame');
  });

  it('ends large messages to it and from it', async () => {
    const failed = new Set<string>();
    const large = Buffer.alloc(8_000_000);
    const handle = silence(tree.router(B));
    ask(tree.router(MASTER), B, handle, large).catch(() => failed.add('to'));
    ask(tree.router(B), MASTER, silence(tree.router(MASTER)), large).catch(() => {});
    (tree.get(B).down as { isHeld: boolean }).isHeld = true;
    await settle();
    await breakOff(B);
    expect([...failed]).to.deep.equal(['to']);
    const later = await failure(ask(tree.router(MASTER), B, handle));
    expect(later.code, 'nothing waits behind it').to.equal('ERR_NO_ROUTE');
    const answer = tree.router(E);
    const next = tree.router(MASTER).request(
      E,
      answer.listen({
        onMessage: (message) => answer.reply(message, answer.encode('fine')),
      }),
      tree.router(MASTER).encode(large),
    );
    expect(await next).to.equal('fine');
  });

  it('refuses large messages that are sent after that, and nothing waits behind them', async () => {
    await breakOff(B);
    for (const from of [MASTER, A, D]) {
      for (const value of [Buffer.alloc(8_000_000), Buffer.alloc(8_000_000), 'small']) {
        const error = await failure(ask(tree.router(from), B, 5000, value));
        expect(error.code).to.equal('ERR_NO_ROUTE');
      }
    }
    // More of them than may be under way at a time.
    const errors = await Promise.all(
      Array.from({ length: 2 * MAX_UNDER_WAY }, (_, i) =>
        failure(ask(tree.router(D), B, 5000 + i, Buffer.alloc(500_000))),
      ),
    );
    expect(new Set(errors.map(({ code }) => code))).to.deep.equal(new Set(['ERR_NO_ROUTE']));
  });

  it('leaves what waits for others alone', async () => {
    const failed = await wait([
      [MASTER, C],
      [C, MASTER],
      [D, C],
    ]);
    await breakOff(A);
    expect(failed.size).to.equal(0);
  });

  it('is told by a child that leaves in order', async () => {
    const failed = await wait([
      [MASTER, B],
      [D, B],
    ]);
    const below = tree.router(A).routes.get(B) as Stream;
    below.close('shutdown');
    await settle();
    expect([...failed.values()].map(({ message }) => message)).to.deep.equal([
      'context 2 is lost: shutdown',
      'context 2 is lost: shutdown',
    ]);
  });

  for (const [title, reason] of [
    ['an object', { toString: 1, valueOf: 1 }],
    ['nothing', undefined],
    ['a large text', 'x'.repeat(1_000_000)],
  ] as const) {
    it(`is told by a child whose reason is ${title}`, async () => {
      const failed = await wait([
        [MASTER, A],
        [D, A],
      ]);
      const payload = serialize([A, reason]);
      for (let at = 0; at < payload.length; at += 60_000) {
        const flags = at + 60_000 < payload.length ? 1 : 0;
        const piece = payload.subarray(at, at + 60_000);
        tree.get(A).up?.write(
          naiveFrame({
            source: A,
            handle: DEL_ROUTE,
            flags,
            part: at / 60_000,
            number: payload.length > 60_000 ? 1 : 0,
            payload: piece,
          }),
          () => {},
        );
      }
      await settle();
      await breakOff(A);
      expect([...failed.keys()].sort()).to.deep.equal(['0 to 1', '4 to 1']);
      expect(tree.get(MASTER).lost.filter(([lost]) => lost === A)).to.have.lengthOf(1);
      expect(pending()[MASTER]).to.equal(0);
    });
  }

  for (const [length, shown] of [
    [1000, 1000],
    [1001, 1000],
    [50_000, 1000],
  ] as const) {
    it(`is told with ${shown} characters of a reason of ${length}`, async () => {
      const failed = await wait([[MASTER, B]]);
      const payload = serialize([B, 'x'.repeat(length)]);
      tree.get(A).up?.write(naiveFrame({ source: A, handle: DEL_ROUTE, payload }), () => {});
      await settle();
      expect(failed.get('0 to 2')?.message).to.equal(`context 2 is lost: ${'x'.repeat(shown)}`);
    });
  }
});
