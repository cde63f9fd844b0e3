import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { type NaiveFrame, naiveFrame } from '../../../../test/support/naive-frame.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import type { Message } from '../../src/routing/message.js';
import type { Router } from '../../src/routing/router.js';
import type { Stream } from '../../src/routing/stream.js';
import { FLAG_DEAD, FLAG_ERROR } from '../../src/wire/flags.js';
import { CREDIT } from '../../src/wire/handles.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B, C, D, E] = [0, 1, 2, 3, 4, 5];
const HANDLE = 500;

describe('routing/router-trust', () => {
  /** master > a > b, a > e, master > c > d; the evil one is c unless a test says another. */
  let tree: TestTree;
  let got: Map<number, Message[]>;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, MASTER], [D, C], [E, A]);
    got = new Map();
    for (const [id, { router }] of tree.contexts) listenAbove(id, router);
  });

  /** A handle that runs code, as CALL does: only those above may use it. */
  function listenAbove(id: number, router: Router): void {
    got.set(id, []);
    const onMessage = (message: Message) => {
      got.get(id)?.push(message);
      router.reply(message, router.encode('done'));
    };
    router.listen({ policy: router.isAbove, onMessage }, HANDLE);
  }

  /** Puts bytes of its own making on the line of a context to its parent. */
  async function forge(id: number, frame: NaiveFrame): Promise<void> {
    tree.get(id).up?.write(naiveFrame({ handle: HANDLE, ...frame }), () => {});
    await settle();
  }

  /** A request of the master to a that waits, with its reply handle. */
  async function waiting(from = MASTER, to = A) {
    let replyHandle = 0;
    const router = tree.router(to);
    const handle = router.listen({ onMessage: (message) => (replyHandle = message.replyHandle) });
    const state: { settled?: unknown } = {};
    const asker = tree.router(from);
    asker.request(to, handle, asker.encode(1)).then(
      (value) => (state.settled = value),
      (error) => (state.settled = error),
    );
    await settle();
    return {
      state,
      replyHandle,
      answer: async () => {
        router.send({ destination: from, handle: replyHandle, body: router.encode('real') });
        await settle();
      },
    };
  }

  const served = () => [...got].filter(([, list]) => list.length > 0).map(([id]) => id);

  describe('a handle for those above', () => {
    it('serves the context itself and all above it', async () => {
      for (const [from, to] of [
        [MASTER, A],
        [MASTER, B],
        [A, B],
        [A, A],
        [C, D],
        [B, B],
      ] as const) {
        const router = tree.router(from);
        expect(await router.request(to, HANDLE, router.encode(1)), `${from} to ${to}`).to.equal(
          'done',
        );
      }
    });

    for (const [from, to] of [
      [A, MASTER],
      [B, A],
      [B, MASTER],
      [C, A],
      [C, B],
      [D, B],
      [B, E],
      [D, C],
    ] as const) {
      it(`refuses context ${from} at ${to}`, async () => {
        const router = tree.router(from);
        const error = await failure(router.request(to, HANDLE, router.encode(1)));
        expect(error.code).to.equal('ERR_REFUSED');
        expect(served()).to.deep.equal([]);
      });
    }

    for (const authority of [MASTER, A, B, C, D, E]) {
      it(`refuses a child that claims the authority of ${authority}, in every context`, async () => {
        for (const destination of [MASTER, A, B, E])
          await forge(C, { source: C, destination, authority });
        for (const destination of [MASTER, A, E, C])
          await forge(B, { source: B, destination, authority });
        expect(served()).to.deep.equal([]);
      });
    }

    it('refuses a large message whose later frames claim another authority', async () => {
      const fields = { source: C, destination: A, number: 1, payload: Buffer.alloc(10) };
      await forge(C, { ...fields, authority: C, flags: 1 });
      await forge(C, { ...fields, part: 1, authority: MASTER });
      expect(served()).to.deep.equal([]);
    });

    it('refuses an answer that pretends to come back from it', async () => {
      await forge(C, { source: C, destination: A, flags: FLAG_ERROR });
      await forge(C, { source: C, destination: A, flags: FLAG_DEAD });
      expect(served()).to.deep.equal([]);
    });
  });

  describe('the source of a frame', () => {
    for (const source of [MASTER, A, B, 999, 0xffffffff]) {
      it(`is not believed to be ${source} where the frame comes from c`, async () => {
        let seen = 0;
        for (const id of [MASTER, A, B]) tree.router(id).listen({ onMessage: () => seen++ }, 600);
        for (const destination of [MASTER, A, B])
          await forge(C, { source, destination, handle: 600 });
        expect(seen).to.equal(0);
        expect(tree.get(MASTER).complaints.join()).to.contain(String(source));
        expect(tree.router(MASTER).streams.size, 'nobody is cut off for it').to.equal(2);
      });
    }

    it('may be a context behind the stream', async () => {
      let seen: Message | undefined;
      tree.router(MASTER).listen({ onMessage: (message) => (seen = message) }, 600);
      await forge(C, { source: D, handle: 600, authority: MASTER });
      expect(seen).to.include({ source: D, authority: C });
    });
  });

  describe('the authority of a frame', () => {
    it('is that of the stream it came in on last, on its way up', async () => {
      const seen: Message[] = [];
      for (const id of [MASTER, A, E, D])
        tree.router(id).listen({ onMessage: (m) => seen.push(m) }, 600);
      for (const destination of [A, MASTER, E, D])
        await forge(B, { source: B, destination, handle: 600 });
      expect(seen.map(({ authority }) => authority)).to.deep.equal([B, A, B, A]);
    });

    it('is the sender of the message on its way down', async () => {
      const seen: Message[] = [];
      tree.router(B).listen({ onMessage: (message) => seen.push(message) }, 600);
      for (const from of [MASTER, A, B]) tree.router(from).post(B, 600, 1);
      await settle();
      expect(seen.map(({ authority }) => authority).sort()).to.deep.equal([MASTER, A, B]);
    });
  });

  describe('an authority that a parent lends its child', () => {
    /** As `connectChild` does, before anything comes from the child. */
    const lend = (parent: number, child: number, authority = parent) =>
      Object.assign(tree.router(parent).routes.get(child) as Stream, { authority });

    /** Who is served where, as in `1>2`; what is refused is left out. */
    async function servedPairs(): Promise<string[]> {
      const pairs: string[] = [];
      for (const [from, { router }] of tree.contexts) {
        for (const to of tree.contexts.keys()) {
          const request = router.request(to, HANDLE, router.encode(1));
          const code = await request.then(
            () => undefined,
            (error) => error.code,
          );
          if (code === undefined) pairs.push(`${from}>${to}`);
          else expect(code, `${from}>${to}`).to.equal('ERR_REFUSED');
        }
      }
      return pairs;
    }

    for (const [title, parent, child, more] of [
      [
        'of the master',
        MASTER,
        A,
        [
          ['1>0', '1>3', '1>4'],
          ['2>0', '2>3', '2>4'],
          ['5>0', '5>3', '5>4'],
        ],
      ],
      ['of a hop', A, B, [['2>1', '2>5']]],
      ['of a hop without other children', C, D, [['4>3']]],
    ] as const) {
      it(`${title} is good for what that may do, to the child and all below it`, async () => {
        const before = await servedPairs();
        lend(parent, child);
        const added = (await servedPairs()).filter((pair) => !before.includes(pair));
        expect(added.sort()).to.deep.equal(more.flat());
      });
    }

    it('is added up, where it is lent on', async () => {
      lend(MASTER, A);
      lend(A, B);
      const pairs = await servedPairs();
      expect(pairs).to.include.members(['2>0', '2>1', '2>3', '2>4', '2>5']);
      expect(pairs).not.to.include.members(['5>1']);
      expect(pairs).not.to.include.members(['5>2']);
    });

    it('is not more than the lender has, whatever it says', async () => {
      const seen: Message[] = [];
      tree.router(D).listen({ onMessage: (message) => seen.push(message) }, 600);
      lend(A, B, MASTER);
      await forge(B, { source: B, destination: D, handle: 600, authority: MASTER });
      for (const destination of [MASTER, C, D]) await forge(B, { source: B, destination });
      expect(seen.map(({ authority }) => authority)).to.deep.equal([A]);
      expect(served()).to.deep.equal([]);
    });

    it('changes nothing in whom a frame may come from, or who may answer', async () => {
      lend(MASTER, C);
      const seen: Message[] = [];
      for (const id of [MASTER, A])
        tree.router(id).listen({ onMessage: (message) => seen.push(message) }, 600);
      for (const source of [MASTER, A, B, 999])
        for (const destination of [MASTER, A]) await forge(C, { source, destination, handle: 600 });
      expect(seen).to.deep.equal([]);
      const { state, replyHandle, answer } = await waiting();
      const payload = serialize('fake');
      await forge(C, { source: C, destination: MASTER, handle: replyHandle, payload });
      expect(state).to.deep.equal({});
      await answer();
      expect(state).to.deep.equal({ settled: 'real' });
    });
  });

  describe('an answer', () => {
    it('of somebody else than the respondent is refused, and the request goes on', async () => {
      const { state, replyHandle, answer } = await waiting();
      for (const [id, fields] of [
        [C, { source: C }],
        [C, { source: C, flags: FLAG_ERROR }],
        [C, { source: A }],
        [B, { source: B }],
        [D, { source: D }],
      ] as const) {
        await forge(id, {
          destination: MASTER,
          handle: replyHandle,
          payload: serialize('fake'),
          ...fields,
        });
      }
      expect(state).to.deep.equal({});
      await answer();
      expect(state).to.deep.equal({ settled: 'real' });
    });

    for (const [title, from, to, evil] of [
      ["its cousin, about the master's request to another", MASTER, A, C],
      ['a context below the respondent', MASTER, A, B],
      ['a context below a hop, about its neighbour', MASTER, B, E],
      ['a cousin, about a request upwards', A, MASTER, C],
      ['a child, about the request of its parent upwards', A, MASTER, B],
      ['a cousin, about a request to another cousin', A, C, D],
    ] as const) {
      it(`that is a dead letter of ${title}, is refused`, async () => {
        const { state, replyHandle, answer } = await waiting(from, to);
        const payload = serialize(['ERR_NO_ROUTE', 'not true']);
        await forge(evil, {
          source: evil,
          destination: from,
          handle: replyHandle,
          flags: FLAG_DEAD,
          payload,
        });
        expect(state).to.deep.equal({});
        await answer();
        expect(state).to.deep.equal({ settled: 'real' });
      });
    }

    it('is nothing that wants an answer itself: what opens a sender that was made up', async () => {
      const { state, replyHandle, answer } = await waiting();
      const { router } = tree.get(A);
      const body = router.encode(['key']);
      router.send({ destination: MASTER, handle: replyHandle, replyHandle: 1000, body });
      await settle();
      expect(state).to.deep.equal({});
      await answer();
      expect(state).to.deep.equal({ settled: 'real' });
    });

    it('counts once', async () => {
      const { state, answer } = await waiting();
      await answer();
      await answer();
      expect(state).to.deep.equal({ settled: 'real' });
    });
  });

  describe('credit', () => {
    it('for a message to somebody else changes nothing', async () => {
      const far = tree.router(A);
      const handle = far.listen({ onMessage: () => {} });
      (tree.get(A).up as { isHeld: boolean }).isHeld = true;
      tree.router(MASTER).post(A, handle, Buffer.alloc(8_000_000));
      await settle();
      const { bytesReceived } = tree.router(A).upstream as { bytesReceived: number };
      const payload = Buffer.from([255, 255, 255, 255]);
      for (let number = 0; number < 20; number++) {
        await forge(C, { source: C, destination: MASTER, handle: CREDIT, number, payload });
      }
      expect(tree.router(A).upstream?.bytesReceived).to.equal(bytesReceived);
    });

    it('that is malformed changes nothing', async () => {
      for (const payload of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(5)]) {
        await forge(C, { source: C, destination: MASTER, handle: CREDIT, number: 1, payload });
      }
      expect(tree.router(MASTER).streams.size).to.equal(2);
    });
  });
});
