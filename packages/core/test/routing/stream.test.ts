import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { makePair, settle, type TestEnd } from '../../../../test/support/stream-pair.js';
import { Stream } from '../../src/routing/stream.js';
import type { Transport, TransportEvents } from '../../src/routing/transport.js';
import { HEADER_BYTES } from '../../src/wire/frame.js';
import { HIGH_WATER_BYTES, MAX_PENDING_BYTES } from '../../src/wire/limits.js';

const frame = (handle: number, bytes = 0): Buffer =>
  naiveFrame({ handle, payload: Buffer.alloc(bytes, handle) });

interface Recorded {
  stream: Stream;
  frames: Buffer[];
  events: string[];
}

/** A stream that records what it says. */
function makeStream(): Recorded {
  const [frames, events]: [Buffer[], string[]] = [[], []];
  const stream = new Stream('child', 1, 1, {
    onFrame: (got) => frames.push(Buffer.from(got)),
    onDrain: () => events.push('drain'),
    onClose: (_, reason) => events.push(`close: ${reason}`),
  });
  return { stream, frames, events };
}

/** Two streams over a pair. */
function connect(): [Recorded & { end: TestEnd }, Recorded & { end: TestEnd }] {
  const both = makePair().map((end) => {
    const recorded = makeStream();
    recorded.stream.attach(end);
    recorded.stream.open();
    return { ...recorded, end };
  });
  return both as [(typeof both)[0], (typeof both)[0]];
}

/** A transport that keeps what it is given, and says `written` only when told. */
function keeper() {
  const chunks: Buffer[] = [];
  const callbacks: (() => void)[] = [];
  const calls: string[] = [];
  let events: TransportEvents | undefined;
  const transport: Transport = {
    open: (given) => {
      events = given;
    },
    write: (bytes, written) => {
      chunks.push(bytes);
      callbacks.push(written);
    },
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    close: (flush) => calls.push(flush ? 'close, flush' : 'close'),
  };
  return { transport, chunks, callbacks, calls, events: () => events as TransportEvents };
}

const full = (stream: Stream): void => {
  while (!stream.isFull) stream.write(frame(1, 60_000));
};

describe('routing/stream', () => {
  it('carries frames in order, both ways', async () => {
    const [one, two] = connect();
    const sent = Array.from({ length: 500 }, (_, i) => frame(i, (i * 97) % 3000));
    for (const each of sent) one.stream.write(each);
    two.stream.write(frame(9));
    await settle();
    expect(two.frames).to.deep.equal(sent);
    expect(one.frames).to.deep.equal([frame(9)]);
    expect(one.stream.bytesSent).to.equal(Buffer.concat(sent).length);
    expect(two.stream.bytesReceived).to.equal(one.stream.bytesSent);
  });

  it('carries frames however the transport cuts them', async () => {
    const [one, two] = connect();
    one.end.cut = (bytes) => [...bytes].map((byte) => Buffer.from([byte]));
    one.stream.write(frame(1, 50));
    one.stream.write(frame(2, 50));
    await settle();
    expect(two.frames).to.deep.equal([frame(1, 50), frame(2, 50)]);
  });

  describe('before it is attached', () => {
    it('keeps frames, which follow the preamble', async () => {
      const { stream } = makeStream();
      const { transport, chunks } = keeper();
      stream.write(frame(1, 10));
      stream.write(frame(2, 10));
      stream.attach(transport, Buffer.from('preamble'));
      stream.write(frame(3, 10));
      await nextTurn();
      const expected = [Buffer.from('preamble'), frame(1, 10), frame(2, 10), frame(3, 10)];
      expect(Buffer.concat(chunks)).to.deep.equal(Buffer.concat(expected));
    });

    it('refuses what exceeds the bound, and takes what still fits', () => {
      const { stream } = makeStream();
      const large = frame(1, 65_536 - 32);
      for (let i = 0; i < MAX_PENDING_BYTES / 65_536; i++)
        expect(stream.write(large)).to.equal(true);
      expect(stream.waitingBytes).to.equal(MAX_PENDING_BYTES);
      expect(stream.write(frame(1))).to.equal(false);
      expect(stream.isFull, 'it has a bound instead').to.equal(false);
    });

    it('takes any amount again once it is attached', () => {
      const { stream } = makeStream();
      while (stream.write(frame(1, 60_000)));
      stream.attach(keeper().transport);
      expect(stream.write(frame(1, 60_000))).to.equal(true);
    });

    it('is closed without a transport, and closes the one that comes too late', () => {
      const { stream, events } = makeStream();
      stream.write(frame(1));
      stream.close('given up');
      expect(events).to.deep.equal(['close: given up']);
      expect(stream.waitingBytes).to.equal(0);
      const { transport, calls } = keeper();
      stream.attach(transport);
      expect(calls).to.deep.equal(['close']);
    });
  });

  describe('writing', () => {
    it('joins the small frames of one tick', async () => {
      const { stream } = makeStream();
      const { transport, chunks } = keeper();
      stream.attach(transport);
      for (let i = 0; i < 100; i++) stream.write(frame(i, 10));
      expect(chunks).to.have.lengthOf(0);
      await nextTurn();
      expect(chunks).to.have.lengthOf(1);
    });

    it('joins frames of 8,192 bytes, and of no more', async () => {
      for (const [more, pieces] of [
        [0, [8192]],
        [1, [4096, 4097]],
      ] as const) {
        const { stream } = makeStream();
        const { transport, chunks } = keeper();
        stream.attach(transport);
        stream.write(frame(1, 4096 - HEADER_BYTES));
        stream.write(frame(2, 4096 - HEADER_BYTES + more));
        await nextTurn();
        expect(chunks.map((chunk) => chunk.length)).to.deep.equal(pieces);
      }
    });

    it('copies no large frame, and keeps the order around it', async () => {
      const { stream } = makeStream();
      const { transport, chunks } = keeper();
      stream.attach(transport);
      const sent = [
        frame(1),
        frame(2),
        frame(3, 60_000),
        frame(4),
        frame(5, 60_000),
        frame(6, 60_000),
      ];
      for (const each of sent) stream.write(each);
      await nextTurn();
      expect(chunks.map((chunk) => chunk.length)).to.deep.equal([64, 60_032, 32, 60_032, 60_032]);
      expect(Buffer.concat(chunks)).to.deep.equal(Buffer.concat(sent));
      expect(chunks[1]!.buffer).to.equal(sent[2]!.buffer);
    });
  });

  describe('backpressure', () => {
    it('is full above the high-water mark, and says so until half of it is written', async () => {
      const { stream, events } = makeStream();
      const { transport, callbacks } = keeper();
      stream.attach(transport);
      full(stream);
      expect(stream.waitingBytes).to.be.above(HIGH_WATER_BYTES);
      await nextTurn();
      expect(stream.isFull).to.equal(true);
      expect(events).to.deep.equal([]);
      for (const written of callbacks.splice(0)) {
        if (events.length === 0) written();
        if (events.length === 0) expect(stream.waitingBytes).to.be.above(HIGH_WATER_BYTES / 2);
      }
      expect(events).to.deep.equal(['drain']);
      expect(stream.isFull).to.equal(false);
    });

    it('drains once, and only for those who asked', async () => {
      const { stream, events } = makeStream();
      const { transport, callbacks } = keeper();
      stream.attach(transport);
      for (let i = 0; i < 20; i++) stream.write(frame(1, 60_000));
      await nextTurn();
      for (const written of callbacks) written();
      expect(events, 'nobody asked').to.deep.equal([]);
    });

    it('stays full over a transport that never says `written`, until it is closed', async () => {
      const { stream, events } = makeStream();
      stream.attach(keeper().transport);
      full(stream);
      const source = makeStream();
      const reader = keeper();
      source.stream.attach(reader.transport);
      source.stream.waitFor(stream);
      await nextTurn();
      expect(stream.isFull).to.equal(true);
      expect(reader.calls).to.deep.equal(['pause']);
      stream.close('lost');
      expect(reader.calls).to.deep.equal(['pause', 'resume']);
      expect(events).to.deep.equal(['close: lost']);
    });

    it('pauses the source that waits, and resumes it at the drain', async () => {
      const [source, drain] = [connect(), connect()];
      drain[0].end.isHeld = true;
      full(drain[0].stream);
      source[1].stream.waitFor(drain[0].stream);
      expect(source[1].end.isPaused).to.equal(true);
      source[0].stream.write(frame(7));
      await settle();
      expect(source[1].frames).to.deep.equal([]);
      drain[0].end.release();
      await settle();
      expect(source[1].end.isPaused).to.equal(false);
      expect(source[1].frames).to.deep.equal([frame(7)]);
    });

    it('resumes a source of two full streams when both have drained', async () => {
      const [source, first, second] = [connect(), connect(), connect()];
      for (const target of [first, second]) {
        target[0].end.isHeld = true;
        full(target[0].stream);
        source[1].stream.waitFor(target[0].stream);
        source[1].stream.waitFor(target[0].stream);
      }
      expect(source[1].end.pauseCount).to.equal(1);
      second[0].end.release();
      await settle();
      expect(source[1].end.isPaused, 'the first is still full').to.equal(true);
      first[0].end.release();
      await settle();
      expect(source[1].end.isPaused).to.equal(false);
    });

    it('resumes all sources of one full stream', async () => {
      const [one, two, target] = [connect(), connect(), connect()];
      target[0].end.isHeld = true;
      full(target[0].stream);
      for (const source of [one, two]) source[1].stream.waitFor(target[0].stream);
      target[0].end.release();
      await settle();
      expect([one[1].end.isPaused, two[1].end.isPaused]).to.deep.equal([false, false]);
      one[0].stream.write(frame(1));
      await settle();
      expect(one[1].frames).to.have.lengthOf(1);
    });

    it('is over for a source that was closed while it waited', async () => {
      const [source, target] = [connect(), connect()];
      target[0].end.isHeld = true;
      full(target[0].stream);
      source[1].stream.waitFor(target[0].stream);
      source[1].stream.close('gone');
      target[0].end.release();
      await settle();
      expect(target[0].events).to.deep.equal(['drain']);
    });
  });

  describe('closing', () => {
    it('drops what was not written, or writes it with `flush`', async () => {
      for (const flush of [false, true]) {
        const [one, two] = connect();
        one.stream.write(frame(1));
        one.stream.close('done', flush);
        await settle();
        expect(one.end.closedWith).to.equal(flush ? 'flush' : 'at once');
        expect(two.frames).to.have.lengthOf(flush ? 1 : 0);
        expect(one.events).to.deep.equal(['close: done']);
        expect(two.events).to.deep.equal(['close: the other side closed the connection']);
      }
    });

    it('happens once: the first reason wins', async () => {
      const [one, two] = connect();
      one.stream.close('first');
      one.stream.close('second', true);
      one.end.cutOff('third');
      await settle();
      expect(one.stream.closed).to.equal('first');
      expect(one.events).to.deep.equal(['close: first']);
      expect(two.events).to.deep.equal(['close: third']);
    });

    it('refuses frames from then on', async () => {
      const [one, two] = connect();
      one.stream.close('done');
      expect(one.stream.write(frame(1))).to.equal(false);
      two.stream.write(frame(2));
      await settle();
      expect(one.frames).to.deep.equal([]);
    });

    it('ignores the frames that follow in the same chunk', () => {
      const { transport, events } = keeper();
      const got: Buffer[] = [];
      const stream = new Stream('child', 1, 1, {
        onFrame: (each, from) => {
          got.push(each);
          from.close('enough');
        },
        onDrain: () => {},
        onClose: () => {},
      });
      stream.attach(transport);
      stream.open();
      events().onBytes(Buffer.concat([frame(1), frame(2), Buffer.alloc(100, 255)]));
      events().onBytes(frame(3));
      expect(got).to.deep.equal([frame(1)]);
      expect(stream.closed).to.equal('enough');
    });

    it('is what garbage leads to, with the reason', async () => {
      const [one, two] = connect();
      one.end.write(
        Buffer.concat([frame(1), Buffer.from('Segmentation fault, core dumped\n')]),
        () => {},
      );
      await settle();
      expect(two.frames).to.deep.equal([frame(1)]);
      expect(two.stream.closed).to.contain('version byte 83');
      expect(two.end.closedWith).to.equal('at once');
      expect(one.stream.closed).to.contain('the other side closed');
    });

    it('is what an oversize frame leads to, with the reason', async () => {
      const [one, two] = connect();
      one.end.write(naiveFrame({ length: 65_537 }), () => {});
      await settle();
      expect(two.stream.closed).to.contain('frame too large: 65537 bytes');
    });
  });

  describe('open', () => {
    it('begins with the bytes that were read before', async () => {
      const [near, far] = makePair();
      const { stream, frames } = makeStream();
      stream.attach(near);
      far.write(frame(2).subarray(10), () => {});
      stream.open(Buffer.concat([frame(1), frame(2).subarray(0, 10)]));
      await settle();
      expect(frames).to.deep.equal([frame(1), frame(2)]);
    });

    it('does not read on where those bytes are garbage', () => {
      const { stream, events } = makeStream();
      const transport = keeper();
      stream.attach(transport.transport);
      stream.open(Buffer.alloc(40, 7));
      expect(events).to.have.lengthOf(1);
      expect(transport.events()).to.equal(undefined);
    });
  });
});
