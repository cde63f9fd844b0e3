import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { stateOf } from '../../../../test/support/router-state.js';
import { makePair, settle, TestTree } from '../../../../test/support/stream-pair.js';
import { type DeadLetterError, ProtocolError } from '../../src/errors.js';
import type { Message } from '../../src/routing/message.js';
import { Router } from '../../src/routing/router.js';
import { FLAG_DEAD, FLAG_ERROR } from '../../src/wire/flags.js';
import { numberOf } from '../../src/wire/frame.js';
import { FIRST_ALLOCATED_HANDLE, THREAD_SHIFT } from '../../src/wire/handles.js';

const [MASTER, A, B, C, D] = [0, 1, 2, 3, 4];

/** Listens with an answer that names both ends. Returns the handle. */
function echo(router: Router): number {
  return router.listen({
    onMessage: (message) => {
      const answer = { asked: router.decode(message), by: message.source, of: router.id };
      router.reply(message, router.encode(answer));
    },
  });
}

const ask = (router: Router, destination: number, handle: number, value: unknown = null) =>
  router.request(destination, handle, router.encode(value));

async function deadLetter(answer: Promise<unknown>): Promise<DeadLetterError> {
  const error = await answer.then(
    () => undefined,
    (reason) => reason as DeadLetterError,
  );
  expect(error?.name).to.equal('DeadLetterError');
  return error as DeadLetterError;
}

describe('routing/router', () => {
  /** master > a > b, master > c > d */
  let tree: TestTree;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER], [B, A], [C, MASTER], [D, C]);
  });

  afterEach(() => {
    for (const { router } of tree.contexts.values()) {
      expect(stateOf(router).pending, `pending in ${router.id}`).to.equal(0);
    }
  });

  describe('requests', () => {
    for (const from of [MASTER, A, B, C, D]) {
      for (const to of [MASTER, A, B, C, D]) {
        it(`of context ${from} are answered by context ${to}`, async () => {
          const handle = echo(tree.router(to));
          const answer = await ask(tree.router(from), to, handle, { n: 1 });
          expect(answer).to.deep.equal({ asked: { n: 1 }, by: from, of: to });
        });
      }
    }

    it('are answered each by its own answer, in whatever order', async () => {
      const waiting: Message[] = [];
      const far = tree.router(B);
      const handle = far.listen({ onMessage: (message) => waiting.push(message) });
      const answers = [1, 2, 3].map((n) => ask(tree.router(D), B, handle, n));
      await settle();
      for (const message of waiting.reverse()) {
        far.reply(message, far.encode((far.decode(message) as number) * 10));
      }
      expect(await Promise.all(answers)).to.deep.equal([10, 20, 30]);
    });

    it('reject with the error of an answer that failed', async () => {
      const far = tree.router(B);
      const handle = far.listen({
        onMessage: (message) => far.reply(message, far.encode(new RangeError('no')), FLAG_ERROR),
      });
      const error = await failure(ask(tree.router(D), B, handle));
      expect(error).to.be.instanceOf(RangeError);
      expect(error.message).to.equal('no');
    });

    it('reject where the answer cannot be decoded', async () => {
      const far = tree.router(A);
      const handle = far.listen({
        onMessage: ({ replyHandle }) => {
          const payload = Buffer.from([99]);
          tree.get(A).up?.write(naiveFrame({ source: A, handle: replyHandle, payload }), () => {});
        },
      });
      const error = await failure(ask(tree.router(MASTER), A, handle));
      expect(error.code).to.equal('ERR_BAD_PAYLOAD');
      expect(tree.get(A).lost).to.deep.equal([]);
    });

    it('of a context to itself work without a stream', async () => {
      const alone = new Router({ id: 77, parentIds: [] });
      const answer = await ask(alone, 77, echo(alone), 'x');
      expect(answer).to.deep.equal({ asked: 'x', by: 77, of: 77 });
    });
  });

  describe('messages', () => {
    it('to one handle arrive in order, large and small', async () => {
      const got: unknown[] = [];
      const far = tree.router(B);
      const handle = far.listen({ onMessage: (message) => got.push(far.decode(message)) });
      const sizes = [10, 300_000, 20, 100_000, 30, 40, 70_000, 0];
      for (const size of sizes) tree.router(D).post(B, handle, Buffer.alloc(size));
      await settle();
      expect(got.map((one) => (one as Buffer).length)).to.deep.equal(sizes);
    });

    it('that want no answer get none, also where nobody listens', async () => {
      tree.router(B).post(D, 5000, 'into the void');
      await settle();
      expect(tree.get(D).complaints).to.deep.equal([]);
      expect(tree.get(B).complaints).to.deep.equal([]);
    });

    it('that a listener throws at hurt nothing', async () => {
      const far = tree.router(B);
      const handle = far.listen({
        onMessage: () => {
          throw new Error('listener failed');
        },
      });
      tree.router(MASTER).post(B, handle, 1);
      await settle();
      expect(tree.get(B).complaints.join()).to.contain('listener failed');
      const answer = ask(tree.router(MASTER), B, echo(far));
      expect(await answer).to.include({ of: B });
    });

    it('over the limit are refused before they are sent', () => {
      const small = new Router({ id: 0, parentIds: [], maxMessageBytes: 100 });
      expect(() => small.encode(Buffer.alloc(101), 'args')).to.throw(/^args cannot travel/);
      try {
        small.encode(Buffer.alloc(101));
      } catch (error) {
        expect(error).to.be.an.instanceOf(ProtocolError);
        expect((error as { code: string }).code).to.equal('ERR_MESSAGE_TOO_LARGE');
      }
      expect(small.encode(Buffer.alloc(98)).length).to.equal(32 + 100);
    });
  });

  describe('dead letters', () => {
    it('come where nobody listens on the handle', async () => {
      for (const [from, to] of [
        [MASTER, B],
        [B, MASTER],
        [D, B],
        [A, A],
      ] as const) {
        const error = await deadLetter(ask(tree.router(from), to, 123456));
        expect(error.code).to.equal('ERR_NO_HANDLE');
        expect(error.message).to.contain('123456');
      }
    });

    it('come where there is no such context', async () => {
      for (const from of [MASTER, A, B, D]) {
        const error = await deadLetter(ask(tree.router(from), 999, 1000));
        expect(error.code).to.equal('ERR_NO_ROUTE');
        expect(error.message).to.match(
          /^context 999 cannot be reached from context 0: it has ended/,
        );
      }
    });

    it('come where a policy refuses', async () => {
      const far = tree.router(B);
      const handle = far.listen({ policy: () => false, onMessage: () => expect.fail('delivered') });
      const error = await deadLetter(ask(tree.router(D), B, handle));
      expect(error.code).to.equal('ERR_REFUSED');
      expect(tree.get(B).complaints.join()).to.contain('refused a message of 4');
    });

    it('come after unlisten', async () => {
      const far = tree.router(B);
      const handle = echo(far);
      far.unlisten(handle);
      expect((await deadLetter(ask(tree.router(MASTER), B, handle))).code).to.equal(
        'ERR_NO_HANDLE',
      );
    });

    it('are never answered by dead letters', async () => {
      for (const destination of [MASTER, B, 999]) {
        tree.router(D).send({
          destination,
          handle: 4242,
          replyHandle: 4243,
          flags: FLAG_DEAD,
          body: tree.router(D).encode(['ERR_X', 'x']),
        });
      }
      let answers = 0;
      tree.router(D).listen({ onMessage: () => answers++ }, 4243);
      await settle();
      expect(answers).to.equal(0);
    });

    it('with a payload that is none still reject the request', async () => {
      const far = tree.router(A);
      const handle = far.listen({
        onMessage: (message) => far.reply(message, far.encode({ not: 'a list' }), FLAG_DEAD),
      });
      const error = await failure(ask(tree.router(MASTER), A, handle));
      expect(error).to.be.instanceOf(Error);
    });
  });

  describe('handles', () => {
    it('are new each time, also after one was given back', () => {
      const router = new Router({ id: 0, parentIds: [] });
      const first = router.listen({ onMessage: () => {} });
      router.unlisten(first);
      expect(router.listen({ onMessage: () => {} })).to.equal(first + 1);
      expect(first).to.equal(FIRST_ALLOCATED_HANDLE);
    });

    it('begin anew after the last one, without those in use', () => {
      const router = new Router({ id: 0, parentIds: [], thread: 3 });
      const owner = 3 * 2 ** THREAD_SHIFT;
      const kept = [0, 1, 2].map(() => router.listen({ onMessage: () => {} }));
      router.unlisten(kept[1] as number);
      let last = 0;
      for (let i = 0; i < 2 ** THREAD_SHIFT - FIRST_ALLOCATED_HANDLE - 3; i++) {
        last = router.listen({ onMessage: () => {} });
        router.unlisten(last);
      }
      expect(last).to.equal(owner + 2 ** THREAD_SHIFT - 1);
      expect(router.listen({ onMessage: () => {} })).to.equal(kept[1]);
      expect(router.listen({ onMessage: () => {} })).to.equal(owner + FIRST_ALLOCATED_HANDLE + 3);
    });

    it('of messages begin anew after the last one, and stay those of their thread', async () => {
      const router = new Router({ id: 1, parentIds: [0], thread: 3 });
      const numbers: number[] = [];
      const [own, other] = makePair();
      other.open({
        onBytes: (bytes) => numbers.push(numberOf(bytes)),
        onClose: () => {},
      });
      const upstream = router.addStream('parent', 0);
      upstream.attach(own);
      // One before the last: to count there takes long.
      (router as unknown as { _lastNumber: number })._lastNumber = 2 ** THREAD_SHIFT - 2;
      for (const handle of [1001, 1002, 1003]) router.post(0, handle, Buffer.alloc(70_000));
      await settle();
      const owner = 3 * 2 ** THREAD_SHIFT;
      const last = owner + 2 ** THREAD_SHIFT - 1;
      expect([...new Set(numbers)]).to.have.members([last, owner + 1, owner + 2]);
    });

    it('of the last thread are still numbers of 32 bits', () => {
      const router = new Router({ id: 0, parentIds: [], thread: 4095 });
      expect(router.listen({ onMessage: () => {} })).to.equal(4095 * 2 ** 20 + 1000);
    });
  });

  describe('a context that is still being connected', () => {
    it('gets what was sent before, in order, after the preamble', async () => {
      const master = tree.router(MASTER);
      const stream = master.addStream('child', 9);
      const answers = [1, 2, 3].map((n) => ask(master, 9, 1000, n));
      const [down, up] = makePair();
      const late = new Router({ id: 9, parentIds: [0] });
      echo(late);
      stream.attach(down);
      stream.open();
      const upstream = late.addStream('parent', 0);
      upstream.attach(up);
      upstream.open();
      expect(await Promise.all(answers)).to.deep.equal(
        [1, 2, 3].map((asked) => ({ asked, by: 0, of: 9 })),
      );
    });

    it('fails what was sent before when it cannot be connected', async () => {
      const master = tree.router(MASTER);
      const stream = master.addStream('child', 9);
      const answers = [deadLetter(ask(master, 9, 1000)), deadLetter(ask(tree.router(D), 9, 1000))];
      await settle();
      stream.close('no such host');
      for (const error of await Promise.all(answers)) {
        expect(error.code).to.equal('ERR_CONTEXT_LOST');
        expect(error.message).to.contain('no such host');
      }
    });

    it('refuses more than may wait, and says so to the sender', async () => {
      const master = tree.router(MASTER);
      const stream = master.addStream('child', 9);
      for (let i = 0; i < 280; i++) master.post(9, 1000, Buffer.alloc(60_000));
      const error = await deadLetter(ask(master, 9, 1000, Buffer.alloc(60_000)));
      expect(error.code).to.equal('ERR_NO_ROUTE');
      stream.close('enough');
    });

    it('gets a large message whole, which waits while much else does', async () => {
      const master = tree.router(MASTER);
      const stream = master.addStream('child', 9);
      for (let i = 0; i < 245; i++) master.post(9, 5000, Buffer.alloc(65_000));
      const request = deadLetter(ask(master, 9, 1000, Buffer.alloc(3_000_000, 'x')));
      const [down, up] = makePair();
      const late = new Router({ id: 9, parentIds: [0] });
      const got: number[] = [];
      late.listen({ onMessage: ({ payload }) => got.push(payload.length) }, 1000);
      stream.attach(down);
      stream.open();
      const upstream = late.addStream('parent', 0);
      upstream.attach(up);
      upstream.open();
      await settle();
      expect(got)
        .to.have.lengthOf(1)
        .and.to.satisfy(([bytes]: number[]) => Number(bytes) > 3_000_000);
      stream.close('enough');
      expect((await request).code).to.equal('ERR_CONTEXT_LOST');
    });
  });
});
