import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { Random } from '../../../../test/support/random.js';
import { settle, type TestEnd, TestTree } from '../../../../test/support/stream-pair.js';
import type { Router } from '../../src/routing/router.js';
import type { Stream } from '../../src/routing/stream.js';
import { FrameDecoder, handleOf } from '../../src/wire/frame.js';
import { FREE_WINDOW_BYTES, HIGH_WATER_BYTES, MAX_FRAME_PAYLOAD } from '../../src/wire/limits.js';

const [MASTER, A, B, C, D] = [0, 1, 2, 3, 4];
const MIB = 1024 * 1024;
/** What a stream may hold: the mark, and the frame that went over it. */
const BOUND = HIGH_WATER_BYTES + MAX_FRAME_PAYLOAD + 1000;

/** Answers with what it was sent. */
const echo = (router: Router): number =>
  router.listen({
    onMessage: (message) => router.reply(message, router.encode(router.decode(message))),
  });

const ask = (router: Router, destination: number, handle: number, value: unknown) =>
  router.request(destination, handle, router.encode(value));

describe('routing/router-flow', () => {
  /** master > a > b, a > c, master > d */
  let tree: TestTree;
  let master: Router;

  beforeEach(async () => {
    tree = new TestTree();
    master = tree.router(MASTER);
    await tree.add(A, MASTER);
    await tree.add(B, A);
    await tree.add(C, A);
    await tree.add(D, MASTER);
  });

  const down = (id: number): TestEnd => tree.get(id).down as TestEnd;
  const streamTo = (from: number, to: number): Stream => tree.router(from).routes.get(to) as Stream;

  it('carries 5 MB and back through two hops, in both directions at once', async () => {
    const large = [1, 2, 3].map((seed) => Buffer.alloc(5 * MIB, new Random(seed).bytes(997)));
    const handles = [MASTER, B, D].map((id) => echo(tree.router(id)));
    const [one, two, three] = (await Promise.all([
      ask(master, B, handles[1] as number, large[0]),
      ask(tree.router(B), MASTER, handles[0] as number, large[1]),
      ask(tree.router(D), B, handles[1] as number, large[2]),
    ])) as [Buffer, Buffer, Buffer];
    expect([one.equals(large[0]!), two.equals(large[1]!), three.equals(large[2]!)]).to.deep.equal([
      true,
      true,
      true,
    ]);
  });

  it('carries large messages over lines that cut them anywhere', async () => {
    const random = new Random(4);
    for (const { down: near, up: far } of tree.contexts.values()) {
      for (const end of [near, far]) if (end) end.cut = (bytes) => random.cut(bytes, 100_000);
    }
    const large = Buffer.alloc(3 * MIB, random.bytes(997));
    const answer = (await ask(tree.router(D), B, echo(tree.router(B)), large)) as Buffer;
    expect(answer.equals(large)).to.equal(true);
  });

  it('lets a small message pass a large one at the next frames', async () => {
    down(D).isHeld = true;
    const [large, small] = [echo(tree.router(D)), echo(tree.router(D))];
    master.post(D, large, Buffer.alloc(20 * MIB));
    master.post(D, small, 'urgent');
    await settle();
    expect(down(D).waitingBytes).to.be.below(BOUND);
    const order: number[] = [];
    const decoder = new FrameDecoder();
    down(D).cut = (bytes) => {
      decoder.push(Buffer.from(bytes), (frame) => order.push(handleOf(frame)));
      return [bytes];
    };
    down(D).release();
    await settle();
    expect(order.indexOf(small)).to.be.within(0, Math.ceil(BOUND / MAX_FRAME_PAYLOAD));
    expect(order.lastIndexOf(large)).to.be.above(300);
  });

  it('lets two large messages of one sender advance alike', async () => {
    const order: number[] = [];
    const decoder = new FrameDecoder();
    down(D).cut = (bytes) => {
      decoder.push(Buffer.from(bytes), (frame) => order.push(handleOf(frame)));
      return [bytes];
    };
    const [one, two] = [echo(tree.router(D)), echo(tree.router(D))];
    master.post(D, one, Buffer.alloc(6 * MIB));
    master.post(D, two, Buffer.alloc(6 * MIB));
    await settle();
    let lead = 0;
    for (const handle of order.slice(0, 160)) {
      lead += handle === one ? 1 : -1;
      // What the first one had sent before there was a second.
      expect(lead).to.be.within(-1, 1 + Math.ceil(BOUND / MAX_FRAME_PAYLOAD));
    }
  });

  it('sends no more of a large message than its receiver grants', async () => {
    tree.get(D).up!.isHeld = true;
    master.post(D, echo(tree.router(D)), Buffer.alloc(20 * MIB));
    await settle();
    const { bytesReceived } = tree.router(D).upstream as Stream;
    expect(bytesReceived).to.be.within(FREE_WINDOW_BYTES, FREE_WINDOW_BYTES + 100_000);
    tree.get(D).up!.release();
    await settle();
    expect((tree.router(D).upstream as Stream).bytesReceived).to.be.above(20 * MIB);
  });

  it('needs fewer round trips of a long connection where the window is larger', async () => {
    const roundTrips = async (maxWindowBytes?: number) => {
      const long = new TestTree({ maxWindowBytes });
      const { router, up, down: near } = await long.add(A, MASTER);
      const handle = router.listen({ onMessage: (message) => router.reply(message, bodyOf(0)) });
      for (const end of [up, near]) end!.isHeld = true;
      let isDone = false;
      const bodyOf = (value: unknown) => router.encode(value);
      const asked = long.router(MASTER).request(A, handle, bodyOf(Buffer.alloc(32 * MIB)));
      const done = asked.then(() => {
        isDone = true;
      });
      let count = 0;
      for (; !isDone; count++) {
        for (const end of [near, up]) {
          await settle();
          end!.deliver();
        }
        await settle();
      }
      await done;
      return count;
    };
    // Each doubles what has come, until the window is as large as it gets.
    expect(await roundTrips(FREE_WINDOW_BYTES)).to.be.within(128, 140);
    expect(await roundTrips()).to.be.within(16, 34);
    expect(await roundTrips(64 * MIB)).to.be.within(6, 10);
  });

  for (const maxWindowBytes of [undefined, 64 * MIB]) {
    const most = maxWindowBytes ?? 'so many as usual';
    it(`holds no more in a hop when a reader stops whose window has grown (${most} bytes)`, async () => {
      tree = new TestTree({ maxWindowBytes });
      for (const [id, parent] of [
        [A, MASTER],
        [B, A],
      ] as const) {
        await tree.add(id, parent);
      }
      let passed = 0;
      down(B).cut = (bytes) => {
        passed += bytes.length;
        down(B).isHeld ||= passed > 20 * MIB;
        return [bytes];
      };
      const value = Buffer.alloc(60 * MIB);
      const answer = ask(tree.router(MASTER), B, echo(tree.router(B)), value);
      await settle();
      expect(passed).to.be.within(20 * MIB, 40 * MIB);
      for (const stream of [streamTo(A, B), streamTo(MASTER, A)]) {
        expect(stream.waitingBytes).to.be.below(BOUND + 8192);
      }
      expect(tree.get(A).down!.waitingBytes).to.be.below(BOUND + 8192);
      down(B).cut = (bytes) => [bytes];
      down(B).release();
      expect(((await answer) as Buffer).length).to.equal(value.length);
    });
  }

  it('refuses a message over the limit once, and carries on', async () => {
    const near = tree.router(MASTER);
    const limited = new TestTree({ maxMessageBytes: 200_000 });
    await limited.add(A, MASTER);
    const handle = echo(limited.router(A));
    // Encoded elsewhere, with another limit: the receiver has its own.
    const body = near.encode(Buffer.alloc(1_000_000));
    const error = await failure(limited.router(MASTER).request(A, handle, body));
    expect(error).to.include({ name: 'DeadLetterError', code: 'ERR_MESSAGE_TOO_LARGE' });
    await settle();
    expect(await ask(limited.router(MASTER), A, handle, 'next')).to.equal('next');
    expect(limited.get(A).lost).to.deep.equal([]);
  });

  describe('a grandchild that does not read', () => {
    beforeEach(() => {
      down(B).isHeld = true;
    });

    it('makes its hop hold no more than the high-water mark, and stop reading', async () => {
      const handle = echo(tree.router(B));
      for (let i = 0; i < 200; i++) master.post(B, handle, Buffer.alloc(50_000));
      await settle();
      expect(streamTo(A, B).waitingBytes).to.be.within(HIGH_WATER_BYTES, BOUND + 8192);
      expect(tree.get(A).up!.isPaused).to.equal(true);
    });

    it('makes a large message stop at the bound in its hop, too', async () => {
      ask(master, B, echo(tree.router(B)), Buffer.alloc(20 * MIB)).catch(() => {});
      await settle();
      expect(streamTo(A, B).waitingBytes).to.be.below(BOUND + 8192);
      expect(streamTo(MASTER, A).waitingBytes).to.be.below(FREE_WINDOW_BYTES);
    });

    it('gets everything in order once it reads again', async () => {
      const got: number[] = [];
      const far = tree.router(B);
      const handle = far.listen({
        onMessage: (message) => got.push((far.decode(message) as Buffer).readInt32BE()),
      });
      for (let i = 0; i < 200; i++) {
        const value = Buffer.alloc(50_000);
        value.writeInt32BE(i);
        master.post(B, handle, value);
      }
      await settle();
      down(B).release();
      await settle();
      expect(got).to.deep.equal(Array.from({ length: 200 }, (_, i) => i));
      expect(tree.get(A).up!.isPaused).to.equal(false);
    });

    it('is lost without its hop being held up', async () => {
      const answer = failure(ask(master, B, echo(tree.router(B)), Buffer.alloc(20 * MIB)));
      for (let i = 0; i < 50; i++) master.post(B, 5000, Buffer.alloc(50_000));
      await settle();
      down(B).cutOff('it hung');
      await settle();
      expect((await answer).code).to.equal('ERR_CONTEXT_LOST');
      expect(await ask(master, C, echo(tree.router(C)), 'still there')).to.equal('still there');
    });

    it('leaves those alone who reach others by other ways', async () => {
      for (let i = 0; i < 200; i++) master.post(B, 5000, Buffer.alloc(50_000));
      await settle();
      expect(await ask(master, D, echo(tree.router(D)), 1)).to.equal(1);
      expect(await ask(tree.router(D), MASTER, echo(master), 2)).to.equal(2);
      expect(await ask(tree.router(C), A, echo(tree.router(A)), 3)).to.equal(3);
    });

    /** Calls of those above to the hop and to its other child, and what that child says. */
    async function talkAround(): Promise<{ answers: unknown[]; news: unknown[] }> {
      const answers: unknown[] = [];
      for (const id of [A, C]) {
        ask(master, id, echo(tree.router(id)), id).then((answer) => answers.push(answer));
      }
      const news: unknown[] = [];
      const handle = master.listen({ onMessage: (message) => news.push(master.decode(message)) });
      tree.router(C).post(MASTER, handle, 'from c');
      await settle();
      return { answers, news };
    }

    it('gets a large message, and its siblings and its hop hear those above', async () => {
      const sent = failure(ask(master, B, echo(tree.router(B)), Buffer.alloc(20 * MIB)));
      await settle();
      expect(await talkAround()).to.deep.equal({ answers: [A, C], news: ['from c'] });
      down(B).cutOff('it hung');
      await sent;
    });

    it('gets many messages, and its siblings and its hop are heard by those above', async () => {
      // A known limit: the hop reads one line, and what it cannot pass on stays at its head.
      for (let i = 0; i < 100; i++) master.post(B, 5000, Buffer.alloc(50_000));
      await settle();
      const { answers, news } = await talkAround();
      expect(news).to.deep.equal(['from c']);
      expect(answers).to.deep.equal([]);
      down(B).release();
      await settle();
      expect(answers).to.deep.equal([A, C]);
    });
  });
});
