import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { Outbox } from '../../src/routing/outbox.js';
import { FLAG_ERROR, FLAG_FIRST, FLAG_MORE } from '../../src/wire/flags.js';
import { HEADER_BYTES, type Header, partOf, payloadOf, readHeader } from '../../src/wire/frame.js';
import { FREE_WINDOW_BYTES, MAX_FRAME_PAYLOAD, MAX_UNDER_WAY } from '../../src/wire/limits.js';

const header = (fields: Partial<Header>): Header => ({
  flags: 0,
  destination: 1,
  source: 0,
  authority: 0,
  handle: 1000,
  replyHandle: 0,
  number: 0,
  ...fields,
});

/** A body of `bytes` bytes of payload behind room for a header. */
const body = (bytes: number, fill = 1): Buffer => Buffer.alloc(HEADER_BYTES + bytes, fill);

/** An outbox whose destinations are full on demand, with what it has sent. */
function makeOutbox() {
  const frames: Buffer[] = [];
  const full = new Set<number>();
  const box = {
    frames,
    full,
    onFrame: (_: Buffer) => {},
    outbox: new Outbox({
      isFull: (destination) => full.has(destination),
      onFrame: (frame) => {
        frames.push(frame);
        box.onFrame(frame);
      },
    }),
    /** Numbers of the messages that the frames belong to, in order; forgets them. */
    numbers: () => frames.splice(0).map((frame) => readHeader(frame).number),
  };
  return box;
}

describe('routing/outbox', () => {
  const windowFrames = FREE_WINDOW_BYTES / MAX_FRAME_PAYLOAD;

  it('cuts a message into frames of which all but the last have more to follow', () => {
    const { outbox, frames } = makeOutbox();
    const payload = new Random(1).bytes(200_000);
    const fields = { flags: FLAG_ERROR, destination: 9, handle: 5, replyHandle: 7, number: 3 };
    outbox.add(header(fields), Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]));
    expect(frames.map((frame) => readHeader(frame))).to.deep.equal([
      header({ ...fields, flags: FLAG_ERROR | FLAG_MORE | FLAG_FIRST }),
      header({ ...fields, flags: FLAG_ERROR | FLAG_MORE }),
      header({ ...fields, flags: FLAG_ERROR | FLAG_MORE }),
      header(fields),
    ]);
    expect(Buffer.concat(frames.map(payloadOf)).equals(payload)).to.equal(true);
  });

  it('sends no empty frame after a message that fills its frames', () => {
    const { outbox, frames } = makeOutbox();
    outbox.add(header({ number: 1 }), body(2 * MAX_FRAME_PAYLOAD));
    expect(frames.map((frame) => readHeader(frame).flags)).to.deep.equal([
      FLAG_FIRST | FLAG_MORE,
      0,
    ]);
  });

  it('sends the frames of several messages in turns', () => {
    const { outbox, full, numbers } = makeOutbox();
    full.add(1);
    outbox.add(header({ handle: 1000, number: 1 }), body(4 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ handle: 1001, number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ handle: 1002, number: 3 }), body(4 * MAX_FRAME_PAYLOAD));
    expect(numbers()).to.deep.equal([]);
    full.clear();
    outbox.pump();
    expect(numbers()).to.deep.equal([1, 2, 3, 1, 2, 3, 1, 3, 1, 3]);
  });

  it('takes turns also where there is room for one frame at a time', () => {
    const box = makeOutbox();
    box.full.add(1);
    box.onFrame = () => box.full.add(1);
    for (const number of [1, 2, 3]) {
      box.outbox.add(header({ handle: 1000 + number, number }), body(3 * MAX_FRAME_PAYLOAD));
    }
    for (let i = 0; i < 9; i++) {
      box.full.clear();
      box.outbox.pump();
    }
    expect(box.numbers()).to.deep.equal([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  it('keeps the order of messages to one handle of one context', () => {
    const { outbox, full, numbers } = makeOutbox();
    full.add(1);
    outbox.add(header({ number: 1 }), body(4 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ number: 0 }), body(10));
    outbox.add(header({ number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ handle: 1001, number: 3 }), body(2 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ destination: 2, number: 4 }), body(2 * MAX_FRAME_PAYLOAD));
    expect(numbers(), 'another context does not wait').to.deep.equal([4, 4]);
    full.clear();
    outbox.pump();
    expect(numbers()).to.deep.equal([1, 3, 1, 3, 1, 1, 0, 2, 2]);
  });

  it('says which messages must wait behind another', () => {
    const { outbox, full } = makeOutbox();
    expect(outbox.holds(header({}))).to.equal(false);
    full.add(1);
    outbox.add(header({ number: 1 }), body(2 * MAX_FRAME_PAYLOAD));
    expect(outbox.holds(header({}))).to.equal(true);
    expect(outbox.holds(header({ handle: 1001 }))).to.equal(false);
    expect(outbox.holds(header({ destination: 2 }))).to.equal(false);
    full.clear();
    outbox.pump();
    expect(outbox.holds(header({}))).to.equal(false);
  });

  describe('credit', () => {
    it('lets the free window pass, and then nothing', () => {
      const { outbox, frames } = makeOutbox();
      outbox.add(header({ number: 1 }), body(3 * FREE_WINDOW_BYTES));
      expect(frames).to.have.lengthOf(windowFrames);
      outbox.pump();
      expect(frames).to.have.lengthOf(windowFrames);
    });

    it('that is granted lets as much pass', () => {
      const { outbox, frames } = makeOutbox();
      outbox.add(header({ number: 7 }), body(3 * FREE_WINDOW_BYTES));
      frames.length = 0;
      outbox.grant(1, 7, 4 * MAX_FRAME_PAYLOAD);
      expect(frames).to.have.lengthOf(4);
      outbox.grant(1, 7, 1);
      expect(frames, 'a frame is sent where there is any credit').to.have.lengthOf(5);
      outbox.grant(1, 7, MAX_FRAME_PAYLOAD - 1);
      expect(frames, 'and is owed').to.have.lengthOf(5);
      outbox.grant(1, 7, 10 * FREE_WINDOW_BYTES);
      expect(frames.at(-1)?.[1]).to.equal(0);
      expect(outbox.holds(header({}))).to.equal(false);
    });

    it('for another message changes nothing', () => {
      const { outbox, frames } = makeOutbox();
      outbox.add(header({ number: 7 }), body(3 * FREE_WINDOW_BYTES));
      frames.length = 0;
      outbox.grant(1, 8, FREE_WINDOW_BYTES);
      outbox.grant(1, 0, FREE_WINDOW_BYTES);
      expect(frames).to.have.lengthOf(0);
    });

    it('of one message does not hold up another one', () => {
      const { outbox, numbers } = makeOutbox();
      outbox.add(header({ number: 1 }), body(2 * FREE_WINDOW_BYTES));
      numbers();
      outbox.add(header({ handle: 1001, number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
      expect(numbers()).to.deep.equal([2, 2]);
    });

    it('of a message is its own: the next one in the lane has a free window, too', () => {
      const { outbox, numbers } = makeOutbox();
      outbox.add(header({ number: 1 }), body(FREE_WINDOW_BYTES + 1));
      outbox.add(header({ number: 2 }), body(2 * FREE_WINDOW_BYTES));
      expect(new Set(numbers())).to.deep.equal(new Set([1]));
      outbox.grant(1, 1, 1);
      expect(numbers()).to.deep.equal([1, ...Array(windowFrames).fill(2)]);
    });

    it('of no bytes ends a message, which counts no more as under way', () => {
      const { outbox, numbers } = makeOutbox();
      for (let number = 1; number <= MAX_UNDER_WAY + 1; number++) {
        outbox.add(header({ handle: 1000 + number, number }), body(1e6));
      }
      outbox.add(header({ handle: 1001, number: 100 }), body(100_000));
      numbers();
      outbox.grant(1, 1, 0);
      expect(new Set(numbers())).to.deep.equal(new Set([MAX_UNDER_WAY + 1]));
      outbox.grant(1, 2, 0);
      expect(numbers()).to.deep.equal([100, 100]);
      outbox.grant(1, 2, 1e6);
      expect(numbers()).to.deep.equal([]);
    });

    it('that comes while a frame is being sent is used', () => {
      const box = makeOutbox();
      box.onFrame = (frame) => {
        box.outbox.grant(1, 1, payloadOf(frame).length);
      };
      box.outbox.add(header({ number: 1 }), body(3 * FREE_WINDOW_BYTES));
      expect(box.frames).to.have.lengthOf(3 * windowFrames);
    });
  });

  it(`has ${MAX_UNDER_WAY} messages to a context under way, and the next one when one has left`, () => {
    const { outbox, numbers } = makeOutbox();
    for (let number = 1; number <= MAX_UNDER_WAY + 2; number++) {
      outbox.add(header({ handle: 1000 + number, number }), body(2 * FREE_WINDOW_BYTES));
    }
    const began = () => new Set(numbers()).size;
    expect(began()).to.equal(MAX_UNDER_WAY);
    outbox.add(header({ destination: 2, number: 99 }), body(2 * MAX_FRAME_PAYLOAD));
    expect(numbers(), 'to another context').to.deep.equal([99, 99]);
    outbox.grant(1, 7, FREE_WINDOW_BYTES);
    const sent = numbers();
    expect(sent.filter((number) => number === 7)).to.have.lengthOf(windowFrames);
    expect(new Set(sent)).to.deep.equal(new Set([7, MAX_UNDER_WAY + 1]));
    outbox.forget(1);
    for (let number = 1; number <= MAX_UNDER_WAY; number++) {
      outbox.add(header({ handle: 1000 + number, number }), body(2 * FREE_WINDOW_BYTES));
    }
    expect(began(), 'after the context was lost').to.equal(MAX_UNDER_WAY);
  });

  it('says first how many frames there are, numbers the others, and leaves small messages without', () => {
    const { outbox, frames } = makeOutbox();
    outbox.add(header({ number: 1 }), body(4 * MAX_FRAME_PAYLOAD));
    outbox.add(header({ number: 0 }), body(10));
    expect(frames.map(partOf)).to.deep.equal([4, 1, 2, 3, 0]);
    expect(frames.map((frame) => readHeader(frame).flags & FLAG_FIRST)).to.deep.equal([
      FLAG_FIRST,
      0,
      0,
      0,
      0,
    ]);
  });

  it('takes a message that is added while a frame is being sent', () => {
    const box = makeOutbox();
    box.onFrame = () => {
      if (box.frames.length === 1) {
        box.outbox.add(header({ number: 2 }), body(10));
        box.outbox.add(header({ handle: 1001, number: 3 }), body(2 * MAX_FRAME_PAYLOAD));
      }
    };
    box.outbox.add(header({ number: 1 }), body(3 * MAX_FRAME_PAYLOAD));
    expect(box.numbers()).to.deep.equal([1, 3, 1, 3, 1, 2]);
  });

  it('stops in the middle where the stream is full, and goes on from there', () => {
    const box = makeOutbox();
    const payload = new Random(2).bytes(500_000);
    box.onFrame = () => box.full.add(1);
    box.outbox.add(header({ number: 1 }), Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]));
    for (let i = 1; i <= 8; i++) {
      expect(box.frames).to.have.lengthOf(i);
      box.outbox.grant(1, 1, MAX_FRAME_PAYLOAD);
      box.full.clear();
      box.outbox.pump();
    }
    expect(Buffer.concat(box.frames.map(payloadOf)).equals(payload)).to.equal(true);
  });

  describe('forget', () => {
    it('drops all lanes of a context, and those only', () => {
      const { outbox, full, numbers } = makeOutbox();
      full.add(1).add(2);
      outbox.add(header({ number: 1 }), body(2 * MAX_FRAME_PAYLOAD));
      outbox.add(header({ number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
      outbox.add(header({ handle: 1001, number: 3 }), body(2 * MAX_FRAME_PAYLOAD));
      outbox.add(header({ destination: 2, number: 4 }), body(2 * MAX_FRAME_PAYLOAD));
      outbox.forget(1);
      full.clear();
      outbox.pump();
      expect(numbers()).to.deep.equal([4, 4]);
      expect(outbox.holds(header({}))).to.equal(false);
    });

    it('drops what is being sent', () => {
      const box = makeOutbox();
      box.onFrame = () => box.outbox.forget(1);
      box.outbox.add(header({ number: 1 }), body(4 * MAX_FRAME_PAYLOAD));
      expect(box.numbers()).to.deep.equal([1]);
      box.onFrame = () => {};
      box.outbox.add(header({ number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
      expect(box.numbers()).to.deep.equal([2, 2]);
    });

    it('within a frame leaves a message that follows at once alone', () => {
      for (const lastFrame of [1, 2]) {
        const box = makeOutbox();
        box.onFrame = () => {
          if (box.frames.length < lastFrame) return;
          box.onFrame = () => {};
          box.outbox.forget(1);
          box.outbox.add(header({ number: 2 }), body(2 * MAX_FRAME_PAYLOAD));
        };
        box.outbox.add(header({ number: 1 }), body(MAX_FRAME_PAYLOAD + 1));
        expect(box.numbers()).to.deep.equal([...Array(lastFrame).fill(1), 2, 2]);
        box.outbox.add(header({ number: 3 }), body(MAX_FRAME_PAYLOAD + 1));
        expect(box.numbers()).to.deep.equal([3, 3]);
      }
    });
  });
});
