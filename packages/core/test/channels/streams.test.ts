import { once } from 'node:events';
import { PassThrough, Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { holdTimers } from '../../../../test/support/held-timers.js';
import { settle } from '../../../../test/support/stream-pair.js';
import type { OpenReceiver } from '../../src/channels/open-receiver.js';
import type { Sender } from '../../src/channels/sender.js';
import { CHANNEL_WINDOW_BYTES } from '../../src/wire/limits.js';
import { ChannelTree, collect, isSettled } from './channel-tree.js';

const [MASTER, A, B] = [0, 1, 2];

describe('channels/streams', () => {
  let tree: ChannelTree;
  let receiver: OpenReceiver<unknown, number>;
  let sender: Sender<unknown>;
  beforeEach(async () => {
    tree = await ChannelTree.grow([A, MASTER], [B, A]);
    receiver = tree.get(MASTER).channels.receiver();
    sender = await tree.pass(receiver.toSender(), MASTER, B);
  });

  describe('toReadable', () => {
    it('reads up to the clean end', async () => {
      const sent = sender.sendAll([1, 'b', { c: 3 }, undefined]);
      expect(await collect(receiver.toReadable())).to.deep.equal([
        [1, 'b', { c: 3 }, undefined],
        undefined,
      ]);
      await sent;
    });

    it('fails with the loss, after what had arrived', async () => {
      await sender.send(1);
      await sender.abort(new Error('disk full'));
      const [got, error] = await collect(receiver.toReadable());
      expect(got).to.deep.equal([1]);
      expect(error).to.include({ code: 'ERR_ABORTED_THERE' });
    });

    it('holds the sender back', async () => {
      const chunk = Buffer.alloc(CHANNEL_WINDOW_BYTES);
      const readable = receiver.toReadable();
      readable.read(0);
      const sent = Promise.all([1, 2, 3, 4].map(() => sender.send(chunk)));
      expect(await isSettled(sent)).to.equal(false);
      readable.resume();
      await sent;
      readable.destroy();
    });

    it('closes the receiver when it is destroyed', async () => {
      const readable = receiver.toReadable();
      readable.on('error', () => {});
      readable.destroy(new Error('not wanted'));
      await settle();
      const error = await failure(sender.send(1));
      expect(error).to.include({ code: 'ERR_CLOSED_THERE' });
      expect(error.message).to.include('not wanted');
    });

    it('refuses null, which would end it', async () => {
      const sent = sender.sendAll([1, null, 2]);
      const [got, error] = await collect(receiver.toReadable());
      expect(got).to.deep.equal([1]);
      expect(error).to.include({ code: 'ERR_NOT_STREAMABLE' });
      await sent;
    });
  });

  describe('toWritable', () => {
    it('sends what is piped into it, and ends', async () => {
      const done = pipeline(Readable.from(['a', 'b']), sender.toWritable());
      expect(await collect(receiver)).to.deep.equal([['a', 'b'], undefined]);
      await done;
    });

    it('is held back by the reader', async () => {
      let taken = 0;
      const source = Readable.from(
        (function* () {
          for (; taken < 100; taken++) yield Buffer.alloc(CHANNEL_WINDOW_BYTES);
        })(),
      );
      const done = pipeline(source, sender.toWritable());
      await settle();
      expect(taken).to.be.within(1, 30);
      expect((await collect(receiver))[0].length).to.equal(100);
      await done;
    });

    it('aborts the sender when it is destroyed, or its source fails', async () => {
      const source = new PassThrough({ objectMode: true });
      const done = failure(pipeline(source, sender.toWritable()));
      source.write('a');
      await settle();
      source.destroy(new Error('disk full'));
      const [got, error] = await collect(receiver);
      expect(got).to.deep.equal(['a']);
      expect((error as Error).message).to.include('disk full');
      await done;
    });

    it('fails when the receiver is closed, though nothing is written', async () => {
      const writable = sender.toWritable();
      receiver.close('seen enough');
      const [error] = await once(writable, 'error');
      expect(error).to.include({ code: 'ERR_CLOSED_THERE' });
      expect(writable.destroyed).to.equal(true);
    });
  });

  describe('toWeb', () => {
    it('of a receiver reads up to the clean end; to cancel it closes the receiver', async () => {
      const sent = sender.sendAll([1, null, 2]);
      expect(await collect(receiver.toWeb())).to.deep.equal([[1, null, 2], undefined]);
      await sent;
      const other = tree.get(MASTER).channels.receiver();
      const there = await tree.pass(other.toSender(), MASTER, B);
      await other.toWeb().cancel('not wanted');
      await settle();
      expect((await failure(there.send(1))).message).to.include('not wanted');
    });

    it('of a receiver fails with the loss', async () => {
      await sender.abort('no');
      const [, error] = await collect(receiver.toWeb());
      expect(error).to.include({ code: 'ERR_ABORTED_THERE' });
    });

    it('of a sender sends, ends, and passes on an abort', async () => {
      const done = new ReadableStream({
        start(controller) {
          controller.enqueue('a');
          controller.close();
        },
      }).pipeTo(sender.toWeb());
      expect(await collect(receiver)).to.deep.equal([['a'], undefined]);
      await done;
      const other = tree.get(MASTER).channels.receiver();
      const web = (await tree.pass(other.toSender(), MASTER, B)).toWeb();
      await web.abort(new Error('disk full'));
      expect(((await collect(other))[1] as Error).message).to.include('disk full');
    });

    it('of a sender fails when the receiver is closed', async () => {
      const writer = sender.toWeb().getWriter();
      receiver.close('seen enough');
      expect(await failure(writer.closed)).to.include({ code: 'ERR_CLOSED_THERE' });
    });

    it('says so where Node has no Web streams', () => {
      const { ReadableStream } = globalThis;
      Reflect.deleteProperty(globalThis, 'ReadableStream');
      try {
        for (const convert of [() => receiver.toWeb(), () => sender.toWeb()]) {
          expect(convert).to.throw().with.property('code', 'ERR_NO_WEB_STREAMS');
        }
      } finally {
        globalThis.ReadableStream = ReadableStream;
      }
    });
  });

  describe('toDuplex', () => {
    it('is both directions of a channel', async () => {
      const here = tree.get(MASTER).channels.channel<string, string>();
      const there = await tree.pass(here, MASTER, B);
      const echo = there.toDuplex();
      const transform = (text: string, _encoding: string, done: TransformCallback) =>
        done(null, text.toUpperCase());
      echo.pipe(new Transform({ objectMode: true, transform })).pipe(echo);
      const duplex = here.toDuplex();
      duplex.write('a');
      duplex.end('b');
      const got: string[] = [];
      duplex.on('data', (text) => got.push(text));
      await once(duplex, 'end');
      expect(got).to.deep.equal(['A', 'B']);
    });

    it('is read to its end, also where the other end takes nothing any more', async () => {
      const here = tree.get(MASTER).channels.channel<number, number>();
      const there = await tree.pass(here, MASTER, B);
      const duplex = here.toDuplex();
      for (const value of [1, 2, 3]) await there.send(value);
      await there.close();
      await settle();
      const got: number[] = [];
      duplex.on('data', (value) => got.push(value));
      await once(duplex, 'end');
      expect(got).to.deep.equal([1, 2, 3]);
      duplex.write(4);
      const [error] = await once(duplex, 'error');
      expect(error).to.include({ code: 'ERR_CLOSED_THERE' });
    });

    it('ends both directions when it is destroyed', async () => {
      const here = tree.get(MASTER).channels.channel<string, string>();
      const there = await tree.pass(here, MASTER, B);
      here.toDuplex().destroy();
      await settle();
      expect(await failure(there.get())).to.include({ code: 'ERR_ABORTED_THERE' });
      expect(await failure(there.send('x'))).to.include({ code: 'ERR_CLOSED_THERE' });
    });
  });

  describe('sendAll', () => {
    it('takes any iterable and stream, and leaves the sender open where it is told to', async () => {
      const sent = (async () => {
        await sender.sendAll(new Set([1, 2]), { end: false });
        await sender.sendAll(Readable.from([3]), { end: false });
        await sender.sendAll(new Response('4').body as never, { end: false });
        await sender.sendAll(
          (async function* () {
            yield 5;
          })(),
        );
      })();
      const [got, error] = await collect(receiver);
      expect(error).to.equal(undefined);
      expect(got).to.deep.equal([1, 2, 3, new Uint8Array([0x34]), 5]);
      await sent;
    });

    it('keeps its deadline where the reader does not answer', async () => {
      const other = await tree.pass(receiver.toSender(), MASTER, B);
      tree.get(A).up!.isHeld = true;
      const sent = [
        sender.sendAll([1], { timeout: 1 }),
        other.sendAll([Buffer.alloc(CHANNEL_WINDOW_BYTES), 2], { timeout: 1 }),
      ];
      for (const error of await Promise.all(sent.map(failure))) {
        expect(error).to.include({ code: 'ERR_TIMEOUT' });
      }
    });

    it('makes a loss there also of a source that cannot be ended', async () => {
      const source = {
        next: () => ({ value: () => {}, done: false }),
        return: () => {
          throw new Error('cannot end');
        },
        [Symbol.iterator]() {
          return this;
        },
      };
      expect(await failure(sender.sendAll(source as never))).to.include({
        code: 'ERR_NOT_SERIALIZABLE',
      });
      expect(await failure(receiver.get())).to.include({ code: 'ERR_ABORTED_THERE' });
    });

    it('makes a failure of the source a loss there, and throws it', async () => {
      const reason = new Error('disk full');
      const source = (async function* () {
        yield 1;
        throw reason;
      })();
      expect(await failure(sender.sendAll(source))).to.equal(reason);
      const [got, error] = await collect(receiver);
      expect(got).to.deep.equal([1]);
      expect(error).to.include({
        code: 'ERR_ABORTED_THERE',
        message: 'the sender has failed: disk full',
      });
    });

    it('ends the source when the receiver is closed, while that has nothing to give', async () => {
      const stream = new PassThrough({ objectMode: true });
      let cancelled: unknown;
      const web = new ReadableStream({
        cancel: (reason) => {
          cancelled = reason;
        },
      });
      for (const source of [stream, web as never]) {
        const here = tree.get(MASTER).channels.receiver();
        const there = await tree.pass(here.toSender(), MASTER, B);
        const sent = failure(there.sendAll(source));
        await settle();
        here.close('seen enough');
        expect(await sent).to.include({ code: 'ERR_CLOSED_THERE' });
      }
      expect(stream.destroyed).to.equal(true);
      expect(cancelled).to.include({ code: 'ERR_CLOSED_THERE' });
    });

    it('ends a generator that the receiver wants no more of', async () => {
      let isEnded = false;
      const source = (async function* () {
        try {
          for (;;) yield Buffer.alloc(CHANNEL_WINDOW_BYTES);
        } finally {
          isEnded = true;
        }
      })();
      const sent = failure(sender.sendAll(source));
      await settle();
      receiver.close();
      expect(await sent).to.include({ code: 'ERR_CLOSED_THERE' });
      expect(isEnded).to.equal(true);
    });

    it('that is given up is a loss there', async () => {
      const never = new PassThrough({ objectMode: true });
      never.write('a');
      using deadline = holdTimers(123_457);
      const late = failure(sender.sendAll(never, { timeout: 123_457 }));
      expect(await receiver.get()).to.equal('a');
      deadline.fire();
      const [got, error] = await collect(receiver);
      expect(got).to.deep.equal([]);
      expect(error).to.include({ code: 'ERR_ABORTED_THERE' });
      expect(await late).to.include({ code: 'ERR_TIMEOUT' });
      expect(never.destroyed).to.equal(true);
    });
  });
});
