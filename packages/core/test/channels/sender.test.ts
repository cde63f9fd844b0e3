import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { settle } from '../../../../test/support/stream-pair.js';
import type { OpenReceiver, ReceiverOptions } from '../../src/channels/open-receiver.js';
import { Sender } from '../../src/channels/sender.js';
import {
  CHANNEL_WINDOW_BYTES,
  HIGH_WATER_BYTES,
  MAX_CHANNEL_WINDOW_BYTES,
  MAX_SENDERS,
} from '../../src/wire/limits.js';
import { ChannelTree, collect, handlesOf, isSettled } from './channel-tree.js';

const [MASTER, A, B, C] = [0, 1, 2, 3];

describe('channels/sender', () => {
  /** master > a > b, master > c. */
  let tree: ChannelTree;
  beforeEach(async () => {
    tree = await ChannelTree.grow([A, MASTER], [B, A], [C, MASTER]);
  });

  /** A receiver in one context and its sender in the other. */
  async function connect<Value = unknown>(to: number, from: number, options?: ReceiverOptions) {
    const receiver = tree.get(to).channels.receiver<Value>(options);
    const local = receiver.toSender();
    const sender = await tree.pass(local, to, from);
    return { receiver, local, sender };
  }

  for (const [what, to, from] of [
    ['a child', MASTER, A],
    ['a grandchild', MASTER, B],
    ['a cousin', B, C],
    ['a context above', B, MASTER],
    ['itself', C, C],
  ] as const) {
    it(`sends from ${what}: in order, up to the clean end`, async () => {
      const { receiver, sender } = await connect<number>(to, from);
      expect(sender.endpoint).to.equal('sender');
      const sent = [1, 2, 3].map((value) => sender.send(value));
      const closed = sender.close();
      expect(await collect(receiver)).to.deep.equal([[1, 2, 3], undefined]);
      await Promise.all([...sent, closed]);
      expect(receiver.isEnded).to.equal(true);
      expect(sender.isEnded).to.equal(true);
      expect(await failure(sender.send(4))).to.include({ code: 'ERR_CLOSED_HERE' });
    });
  }

  it('never has more credit than the largest window, whatever the other end grants', async () => {
    const { sender } = await connect(B, MASTER);
    const { handle } = (sender as unknown as { _line: { handle: number } })._line;
    for (const bytes of [1e15, '7', 5n]) tree.get(B).router.post(MASTER, handle, [3, bytes]);
    await settle();
    tree.get(A).down!.isHeld = true;
    await sender.send(Buffer.alloc(MAX_CHANNEL_WINDOW_BYTES - 1000));
    expect(await isSettled(sender.send(Buffer.alloc(1000)))).to.equal(true);
    expect(await isSettled(sender.send(1))).to.equal(false);
  });

  it('takes no more handles than one context may have with its senders', async () => {
    const { router } = tree.get(A);
    const silent = router.listen({ onMessage() {} });
    const forged = Array.from(
      { length: MAX_SENDERS + 1 },
      (_, i) => new Sender({ core: router }, [A, silent, i.toString(16).padStart(32, '0')]),
    );
    const before = handlesOf(tree.get(MASTER).router);
    const error = await failure(tree.pass(forged, A, MASTER));
    expect(error).to.include({ code: 'ERR_BAD_PAYLOAD' });
    await settle();
    expect(handlesOf(tree.get(MASTER).router)).to.equal(before + MAX_SENDERS);
    const { sender } = await connect(C, MASTER);
    await sender.send('those of others arrive');
    tree.get(A).up?.cutOff('gone');
    await settle();
    expect(handlesOf(tree.get(MASTER).router)).to.equal(before + 1);
  });

  it('says which context a message is from', async () => {
    const { receiver, sender } = await connect<string>(MASTER, B);
    await sender.send('x');
    await settle();
    expect(receiver.take()?.message.context).to.equal(B);
  });

  it('is the same object each time that it arrives, and when it comes home', async () => {
    const { local, sender } = await connect(MASTER, A);
    expect(await tree.pass(local, MASTER, A)).to.equal(sender);
    expect(await tree.pass(sender, A, MASTER)).to.equal(local);
    const there = await tree.pass(sender, A, C);
    expect(await tree.pass(there, C, A)).to.equal(sender);
  });

  it('leaves no handle and no testament behind, however it ends', async () => {
    const ends: ((sender: Sender, receiver: OpenReceiver<unknown, number>) => unknown)[] = [
      (sender) => sender.close(),
      (sender) => sender.abort('no'),
      (_sender, receiver) => receiver.close(),
      (_sender, receiver) => receiver.end(new Error('x')),
    ];
    const before = [MASTER, B].map((id) => handlesOf(tree.get(id).router));
    for (const end of ends) {
      const { receiver, sender } = await connect(MASTER, B);
      expect(tree.get(MASTER).left.size, 'of the receiver').to.equal(1);
      expect(tree.get(B).left.size, 'of the sender').to.equal(1);
      await sender.send(1);
      await settle();
      await end(sender, receiver);
      await settle();
      expect([MASTER, B].map((id) => handlesOf(tree.get(id).router))).to.deep.equal(before);
      expect(tree.get(MASTER).left.size + tree.get(B).left.size).to.equal(0);
    }
  });

  describe('credit', () => {
    const HALF = Buffer.alloc(CHANNEL_WINDOW_BYTES / 2);

    it('is used up by what is not read, and comes back as it is read', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      await Promise.all([sender.send(HALF), sender.send(HALF)]);
      const third = sender.send(HALF);
      expect(await isSettled(third)).to.equal(false);
      expect(receiver.size).to.equal(2);
      await receiver.get();
      expect(await isSettled(third)).to.equal(true);
      expect(receiver.size).to.equal(2);
    });

    it('lets a message of any size leave while there is some', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      await sender.send(Buffer.alloc(8 * CHANNEL_WINDOW_BYTES));
      const next = sender.send(Buffer.alloc(1));
      expect(await isSettled(next)).to.equal(false);
      expect((await receiver.get()).length).to.equal(8 * CHANNEL_WINDOW_BYTES);
      await next;
      expect((await receiver.get()).length).to.equal(1);
    });

    it('counts many small messages, too', async () => {
      const { receiver, sender } = await connect<number>(MASTER, B);
      const sent = Array.from({ length: 20_000 }, (_, i) => sender.send(i));
      await settle();
      expect(receiver.size).to.be.within(1, CHANNEL_WINDOW_BYTES / 32);
      for (let i = 0; i < sent.length; i++) expect(await receiver.get()).to.equal(i);
      await Promise.all(sent);
    });

    it("is each holder's own", async () => {
      const { receiver, local, sender } = await connect<Buffer>(MASTER, B);
      const other = await tree.pass(local, MASTER, C);
      await Promise.all([sender.send(HALF), sender.send(HALF)]);
      expect(await isSettled(sender.send(HALF))).to.equal(false);
      expect(await isSettled(other.send(HALF))).to.equal(true);
      receiver.close();
    });

    it('that is exceeded fails the receiver, and nothing else', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      const bystander = await connect<number>(MASTER, B);
      // As a hostile child does it.
      (sender as unknown as { _credit: number })._credit = Number.POSITIVE_INFINITY;
      const sent = Array.from({ length: 20 }, () => sender.send(HALF));
      await Promise.all(sent);
      await settle();
      expect(receiver.size).to.equal(2);
      const [got, error] = await collect(receiver);
      expect(got.length).to.equal(2);
      expect(error).to.include({ name: 'ChannelError', code: 'ERR_CREDIT' });
      expect(await failure(sender.send(HALF))).to.include({ code: 'ERR_CLOSED_THERE' });
      await bystander.sender.send(1);
      expect(await bystander.receiver.get()).to.equal(1);
    });
  });

  describe('credit, where the receiver has windowBytes,', () => {
    const WINDOW = 8 * CHANNEL_WINDOW_BYTES;
    /** Goes in one frame. */
    const PIECE = 60_000;
    /** What a message counts: the header of a frame, and the value in a list. */
    const bytesOf = (value: Buffer) => tree.get(MASTER).router.encode([0, value]).length;
    /** A value whose message counts so much. */
    const valueFor = (bytes: number) => {
      const almost = Buffer.alloc(bytes - 50);
      return Buffer.alloc(bytes - (bytesOf(almost) - almost.length));
    };

    it('is as large as that, to the byte: while one is left, a message may leave', async () => {
      for (const left of [0, 1]) {
        const { receiver, sender } = await connect<Buffer>(MASTER, B, { windowBytes: WINDOW });
        await sender.send(valueFor(WINDOW / 2));
        await sender.send(valueFor(WINDOW / 2 - left));
        expect(await isSettled(sender.send(valueFor(100))), `${left} left`).to.equal(left > 0);
        expect(await isSettled(sender.send(valueFor(100)))).to.equal(false);
        expect(receiver.size).to.equal(2 + left);
        receiver.close();
      }
    });

    it('comes back as it is read, half a window at a time', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B, { windowBytes: WINDOW });
      const quarter = Buffer.alloc(WINDOW / 4);
      await Promise.all([1, 2, 3, 4].map(() => sender.send(quarter)));
      const next = sender.send(quarter);
      await receiver.get();
      expect(await isSettled(next)).to.equal(false);
      await receiver.get();
      expect(await isSettled(next)).to.equal(true);
      expect(receiver.size).to.equal(3);
      receiver.close();
    });

    it('bounds what a reader keeps that stands still, whatever is sent', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B, { windowBytes: WINDOW });
      for (let i = 0; i < 200; i++) sender.send(Buffer.alloc(PIECE)).catch(() => {});
      await settle();
      expect(receiver.size).to.equal(Math.ceil(WINDOW / bytesOf(Buffer.alloc(PIECE))));
      receiver.close();
    });

    it('that is exceeded fails the receiver', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B, { windowBytes: WINDOW });
      (sender as unknown as { _credit: number })._credit = Number.POSITIVE_INFINITY;
      const sent = Array.from({ length: 200 }, () => sender.send(Buffer.alloc(PIECE)));
      await Promise.allSettled(sent);
      await settle();
      const [got, error] = await collect(receiver);
      expect(got.length).to.equal(Math.ceil(WINDOW / bytesOf(Buffer.alloc(PIECE))));
      expect(error).to.include({ name: 'ChannelError', code: 'ERR_CREDIT' });
    });

    it('is used as the connection has room: what is not read there waits at its sender', async () => {
      for (const reader of [A, B]) {
        const { receiver, sender } = await connect<Buffer>(reader, MASTER, { windowBytes: WINDOW });
        await sender.send(Buffer.alloc(1));
        await settle();
        const down = tree.get(A).down!;
        down.isHeld = true;
        const count = Math.floor(WINDOW / PIECE / 2);
        let left = 0;
        const sent = Array.from({ length: count }, (_, i) =>
          sender.send(Buffer.alloc(PIECE, i)).then(() => left++),
        );
        await settle();
        const { waitingBytes } = tree.get(MASTER).router.routes.get(A)!;
        expect(waitingBytes).to.be.within(HIGH_WATER_BYTES, HIGH_WATER_BYTES + PIECE + 1000);
        expect(left).to.be.within(1, count / 2);
        down.release();
        await Promise.all(sent);
        const closed = sender.close();
        const [got] = await collect(receiver);
        expect(got.slice(1).map((bytes) => bytes[0])).to.deep.equal([...Array(count).keys()]);
        await closed;
      }
    });

    it('needs fewer round trips of a long connection for the same bytes', async () => {
      const MESSAGES = 256;
      const roundTrips = async (windowBytes?: number) => {
        const { receiver, sender } = await connect<Buffer>(MASTER, A, { windowBytes });
        const { up, down } = tree.get(A);
        for (const end of [up, down]) end!.isHeld = true;
        let read = 0;
        const reading = (async () => {
          for await (const _ of receiver) read++;
        })();
        const sent = Array.from({ length: MESSAGES }, () => sender.send(Buffer.alloc(PIECE)));
        let count = 0;
        for (; read < MESSAGES; count++) {
          for (const end of [up, down]) {
            await settle();
            end!.deliver();
          }
        }
        for (const end of [up, down]) end!.release();
        await Promise.all([...sent, sender.close(), reading]);
        return count;
      };
      // 15 MB, of which half a window is granted at a time.
      expect(await roundTrips()).to.be.within(28, 60);
      expect(await roundTrips(WINDOW)).to.be.within(4, 8);
      expect(await roundTrips(MESSAGES * 2 * PIECE)).to.equal(1);
    });

    it('may be as small as without it, and 64 MiB', async () => {
      for (const windowBytes of [CHANNEL_WINDOW_BYTES, MAX_CHANNEL_WINDOW_BYTES]) {
        const { receiver, sender } = await connect<Buffer>(MASTER, B, { windowBytes });
        await sender.send(Buffer.alloc(windowBytes - 1000));
        expect(await isSettled(sender.send(Buffer.alloc(1000)))).to.equal(true);
        expect(await isSettled(sender.send(Buffer.alloc(1)))).to.equal(false);
        receiver.close();
      }
    });

    for (const windowBytes of [
      CHANNEL_WINDOW_BYTES - 1,
      MAX_CHANNEL_WINDOW_BYTES + 1,
      CHANNEL_WINDOW_BYTES + 0.5,
      -1,
      0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '1048576',
      null,
    ] as number[]) {
      it(`cannot be ${typeof windowBytes} ${windowBytes}`, () => {
        const { channels } = tree.get(MASTER);
        const options = { windowBytes };
        for (const make of [() => channels.receiver(options), () => channels.channel(options)]) {
          expect(make)
            .to.throw(TypeError, 'windowBytes must be a whole number from 524288 to 67108864, not ')
            .with.property('code', 'ERR_INVALID_ARG');
        }
      });
    }
  });

  describe('room in its connection', () => {
    /** Goes in one frame. */
    const PIECE = Buffer.alloc(60_000);

    /** Lets writes pass one by one until one of these has come, and returns how many did. */
    async function writesUntil(receiver: OpenReceiver<unknown, number>): Promise<number> {
      for (let count = 1; ; count++) {
        tree.get(A).down!.deliver(1);
        await settle();
        if (receiver.take()) return count;
      }
    }

    /** Two of them from the master to a, where something waits for room already. */
    async function crowd(fill: (first: Sender<Buffer>) => void) {
      const windowBytes = MAX_CHANNEL_WINDOW_BYTES;
      const first = await connect<Buffer>(A, MASTER, { windowBytes });
      const second = await connect<Buffer>(A, MASTER, { windowBytes });
      for (const { receiver, sender } of [first, second]) {
        await sender.send(PIECE);
        await receiver.get();
      }
      tree.get(A).down!.isHeld = true;
      fill(first.sender);
      for (const { router } = tree.get(MASTER); !router.isCrowded(A); await settle()) {
        tree.get(A).down!.deliver(1);
      }
      return { first, second };
    }

    it('is shared with other senders, however much these have waiting', async () => {
      const { first, second } = await crowd((sender) => {
        for (let i = 0; i < 500; i++) sender.send(PIECE).catch(() => {});
      });
      second.sender.send(PIECE).catch(() => {});
      expect(await writesUntil(second.receiver)).to.be.below(50);
      for (let i = 0; i < 20; i++) second.sender.send(PIECE).catch(() => {});
      for (let i = 0; i < 20; i++) await writesUntil(second.receiver);
      expect(first.receiver.size).to.be.within(15, 60);
      for (const { receiver } of [first, second]) receiver.close();
    });

    it('is shared with large messages', async () => {
      const { router } = tree.get(A);
      const handle = router.listen({ onMessage() {} });
      const { first, second } = await crowd(() => {
        const { router: master } = tree.get(MASTER);
        const body = master.encode(Buffer.alloc(500 * PIECE.length));
        master.send({ destination: A, handle, body });
      });
      for (const { sender, receiver } of [first, second]) {
        sender.send(PIECE).catch(() => {});
        expect(await writesUntil(receiver)).to.be.below(50);
      }
      for (const { receiver } of [first, second]) receiver.close();
    });

    it('does not come: the loss of the connection ends what waits for it', async () => {
      const { first, second } = await crowd((sender) => {
        for (let i = 0; i < 20; i++) sender.send(PIECE).catch(() => {});
      });
      const late = failure(second.sender.send(PIECE, { timeout: 1 }));
      expect(await late).to.include({ code: 'ERR_TIMEOUT' });
      const waiting = [failure(first.sender.send(PIECE)), failure(second.sender.send(PIECE))];
      const closed = failure(second.sender.close());
      tree.get(A).down!.cutOff('gone');
      for (const error of await Promise.all([...waiting, closed])) {
        expect(error).to.include({ code: 'ERR_CONTEXT_LOST' });
      }
    });
  });

  describe('close', () => {
    it('resolves when all has arrived, though nothing is read', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      await sender.send(Buffer.alloc(4 * CHANNEL_WINDOW_BYTES));
      await sender.close();
      expect(receiver.size).to.equal(1);
      expect((await collect(receiver))[0].length).to.equal(1);
    });

    it('comes in its place behind what waits for credit', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      const bytes = Buffer.alloc(CHANNEL_WINDOW_BYTES);
      const sent = [sender.send(bytes), sender.send(bytes), sender.send(bytes)];
      const closed = sender.close();
      expect(await isSettled(closed)).to.equal(false);
      expect((await collect(receiver))[0].length).to.equal(3);
      await Promise.all([...sent, closed, sender.close()]);
    });

    it('can be given up, and goes on', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      const bytes = Buffer.alloc(CHANNEL_WINDOW_BYTES);
      const sent = [sender.send(bytes), sender.send(bytes)];
      expect(await failure(sender.close({ timeout: 1 }))).to.include({ code: 'ERR_TIMEOUT' });
      expect(await collect(receiver)).to.deep.equal([[bytes, bytes], undefined]);
      await Promise.all(sent);
    });

    it('of all senders ends a receiver, and of one of many does not', async () => {
      const receiver = tree.get(MASTER).channels.receiver<number>();
      const made = [A, B, C].map((id) => [receiver.toSender(), id] as const);
      const senders = await Promise.all(made.map(([local, id]) => tree.pass(local, MASTER, id)));
      for (const [i, sender] of senders.entries()) {
        expect(receiver.isEnded).to.equal(false);
        await sender.send(i);
        await sender.close();
      }
      expect(await collect(receiver)).to.deep.equal([[0, 1, 2], undefined]);
      expect(() => receiver.toSender())
        .to.throw()
        .with.property('code', 'ERR_ENDED');
    });

    it('by one of those who have the same sender ends it for the others', async () => {
      const { receiver, local, sender } = await connect<number>(MASTER, B);
      const other = await tree.pass(local, MASTER, C);
      await sender.close();
      await settle();
      expect(receiver.isEnded).to.equal(true);
      expect(await failure(other.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
      expect(await failure(local.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
    });

    it('is done by `await using`', async () => {
      const { receiver, sender } = await connect<number>(MASTER, B);
      {
        await using scoped = sender;
        await scoped.send(1);
      }
      expect(await collect(receiver)).to.deep.equal([[1], undefined]);
    });
  });

  describe('abort', () => {
    it('is a loss with the reason, after what had left', async () => {
      const { receiver, sender } = await connect<number>(MASTER, B);
      await sender.send(1);
      await sender.abort(new RangeError('disk full'));
      const [got, error] = await collect(receiver);
      expect(got).to.deep.equal([1]);
      expect(error).to.include({
        code: 'ERR_ABORTED_THERE',
        message: 'the sender has failed: disk full',
      });
      expect((error as Error).cause).to.be.instanceOf(RangeError);
    });

    it('drops what waits for credit', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      const bytes = Buffer.alloc(CHANNEL_WINDOW_BYTES);
      await sender.send(bytes);
      const waiting = failure(sender.send(bytes));
      await sender.abort(() => 'a reason that cannot travel');
      expect(await waiting).to.include({ code: 'ERR_CLOSED_HERE' });
      const [got, error] = await collect(receiver);
      expect(got.length).to.equal(1);
      expect(error).to.include({ code: 'ERR_ABORTED_THERE' });
    });
  });

  describe('a receiver that is closed', () => {
    it('reaches those who send, and those who wait, with its reason', async () => {
      const { receiver, sender } = await connect<Buffer>(MASTER, B);
      const bytes = Buffer.alloc(CHANNEL_WINDOW_BYTES);
      await sender.send(bytes);
      const waiting = failure(sender.send(bytes));
      receiver.close(new Error('seen enough'));
      for (const error of [await waiting, await failure(sender.send(bytes))]) {
        expect(error).to.include({
          name: 'ChannelError',
          code: 'ERR_CLOSED_THERE',
          message: 'cannot send: the receiver was closed: seen enough',
        });
        expect((error.cause as Error).message).to.equal('seen enough');
      }
      await sender.close();
    });

    it('before a sender of it arrives is closed for that', async () => {
      const receiver = tree.get(MASTER).channels.receiver<number>();
      const local = receiver.toSender();
      receiver.close();
      const sender = await tree.pass(local, MASTER, B);
      expect(await failure(sender.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
      expect(await failure(local.send(1))).to.include({ code: 'ERR_CLOSED_THERE' });
      await sender.close();
    });
  });

  describe('send', () => {
    it('names the part of a value that cannot travel, and goes on', async () => {
      const { receiver, sender } = await connect<unknown>(MASTER, B);
      expect(await failure(sender.send({ socket: () => {} }))).to.include({
        code: 'ERR_NOT_SERIALIZABLE',
        path: 'value.socket',
      });
      await sender.send(1);
      expect(await receiver.get()).to.equal(1);
    });

    it('that is given up while it waits is not sent', async () => {
      const { receiver, sender } = await connect<Buffer | string>(MASTER, B);
      await sender.send(Buffer.alloc(CHANNEL_WINDOW_BYTES));
      const abort = new AbortController();
      const aborted = failure(sender.send('aborted', { signal: abort.signal }));
      const late = failure(sender.send('late', { timeout: 1 }));
      const sent = sender.send('sent');
      const reason = new Error('changed my mind');
      abort.abort(reason);
      expect(await aborted).to.equal(reason);
      expect(await late).to.include({ code: 'ERR_TIMEOUT' });
      expect(await failure(sender.send('never', { signal: abort.signal }))).to.equal(reason);
      await receiver.get();
      await sent;
      expect(await receiver.get()).to.equal('sent');
      expect(receiver.size).to.equal(0);
    });

    it('carries senders', async () => {
      const { receiver, sender } = await connect<Sender<number>>(MASTER, B);
      const answers = tree.get(B).channels.receiver<number>();
      await sender.send(answers.toSender());
      const answer = await receiver.get();
      await answer.send(42);
      expect(await answers.get()).to.equal(42);
    });
  });
});
