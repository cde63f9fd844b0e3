import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { Inbox, type Refusal } from '../../src/routing/inbox.js';
import type { Message } from '../../src/routing/message.js';
import { FLAG_ERROR, FLAG_FIRST, FLAG_MORE } from '../../src/wire/flags.js';
import {
  encodeFrame,
  type Header,
  partOf,
  payloadOf,
  readHeader,
  setPart,
} from '../../src/wire/frame.js';
import {
  FREE_WINDOW_BYTES,
  MAX_FRAME_PAYLOAD,
  MAX_UNFINISHED,
  MAX_WINDOW_BYTES,
} from '../../src/wire/limits.js';

const header = (fields: Partial<Header>): Header => ({
  flags: 0,
  destination: 0,
  source: 5,
  authority: 5,
  handle: 1000,
  replyHandle: 2000,
  number: 1,
  ...fields,
});

/** The frames of one message. */
function framesOf(payload: Buffer, fields: Partial<Header> = {}, frameBytes = 1000): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < payload.length; at += frameBytes) {
    const isLast = at + frameBytes >= payload.length;
    const flags = (fields.flags ?? 0) | (isLast ? 0 : FLAG_MORE) | (at === 0 ? FLAG_FIRST : 0);
    const frame = encodeFrame(header({ ...fields, flags }), payload.subarray(at, at + frameBytes));
    setPart(frame, at === 0 ? Math.ceil(payload.length / frameBytes) : frames.length);
    frames.push(frame);
  }
  return frames;
}

function makeInbox(maxBytes = 1e6, maxWindow?: number) {
  const grants: [source: number, number: number, bytes: number][] = [];
  const refused: [header: Header, ...Refusal][] = [];
  const inbox = new Inbox(maxBytes, maxWindow, {
    onGrant: (...grant) => grants.push(grant),
    onRefused: (message, refusal) => refused.push([message, ...refusal]),
  });
  const take = (frame: Buffer, refusal?: Refusal) =>
    inbox.take({ ...readHeader(frame), payload: payloadOf(frame) }, partOf(frame), refusal);
  const takeAll = (frames: Buffer[], refusal?: Refusal): Message[] =>
    frames.flatMap((frame) => take(frame, refusal) ?? []);
  const codes = () => refused.map(([, code]) => code);
  return { inbox, grants, refused, codes, take, takeAll };
}

describe('routing/inbox', () => {
  it('gives a message of one frame at once', () => {
    const { take } = makeInbox();
    const frame = encodeFrame(header({ number: 0, flags: FLAG_ERROR }), Buffer.from('payload'));
    expect(take(frame)).to.deep.equal({
      ...header({ number: 0, flags: FLAG_ERROR }),
      payload: Buffer.from('payload'),
    });
  });

  it('takes a message without a number for whole, whatever its flags say', () => {
    const { take } = makeInbox();
    const frame = encodeFrame(header({ number: 0, flags: FLAG_MORE }), Buffer.from('all'));
    expect(take(frame)?.payload.toString()).to.equal('all');
  });

  it('puts a message together from its frames, with the flags of its last', () => {
    const { takeAll } = makeInbox();
    const payload = new Random(1).bytes(12_345);
    const [message, ...others] = takeAll(framesOf(payload, { flags: FLAG_ERROR }));
    expect(others).to.deep.equal([]);
    expect(message).to.include({ flags: FLAG_ERROR, source: 5, handle: 1000, replyHandle: 2000 });
    expect(message!.payload.equals(payload)).to.equal(true);
  });

  it('keeps messages apart by source and number, however their frames are mixed', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const { takeAll } = makeInbox();
      const sent = Array.from({ length: 6 }, (_, i) => ({
        source: 5 + (i % 3),
        number: 1 + Math.floor(i / 3),
        payload: random.bytes(1 + random.below(5000)),
      }));
      const queues = sent.map(({ payload, ...fields }) => framesOf(payload, fields, 700));
      const mixed: Buffer[] = [];
      while (queues.some((queue) => queue.length > 0)) {
        const frame = random.pick(queues.filter((queue) => queue.length > 0)).shift();
        mixed.push(frame as Buffer);
      }
      const got = takeAll(mixed);
      expect(got, `seed ${seed}`).to.have.lengthOf(6);
      for (const { source, number, payload } of sent) {
        const message = got.find((one) => one.source === source && one.number === number);
        expect(message!.payload.equals(payload), `seed ${seed}`).to.equal(true);
      }
    }
  });

  it('is ready for the same number again once its message is whole', () => {
    const { takeAll } = makeInbox();
    for (const text of ['first', 'second']) {
      const [message] = takeAll(framesOf(Buffer.from(text.repeat(500))));
      expect(message!.payload.toString()).to.equal(text.repeat(500));
    }
  });

  it('takes a message whose last frame is empty', () => {
    const { takeAll } = makeInbox();
    const frames = [
      encodeFrame(header({ flags: FLAG_FIRST | FLAG_MORE }), Buffer.from('all')),
      encodeFrame(header({}), Buffer.alloc(0)),
    ] as const;
    setPart(frames[0], 2);
    setPart(frames[1], 1);
    expect(takeAll([...frames])[0]!.payload.toString()).to.equal('all');
  });

  describe('credit', () => {
    /** Frames of a message of so many bytes, as large as frames are. */
    const large = (bytes: number, fields: Partial<Header> = {}) =>
      framesOf(Buffer.alloc(bytes), fields, MAX_FRAME_PAYLOAD);

    it('is granted half a window at a time, to the source of the message', () => {
      const { takeAll, grants } = makeInbox(1e9);
      const frames = large(2 * FREE_WINDOW_BYTES, { number: 9 });
      takeAll(frames.slice(0, 1));
      expect(grants).to.deep.equal([]);
      takeAll(frames.slice(1, 4));
      const half = FREE_WINDOW_BYTES / 2;
      expect(grants).to.deep.equal([
        [5, 9, half],
        [5, 9, half],
      ]);
    });

    for (const maxWindow of [undefined, FREE_WINDOW_BYTES, 4 * MAX_WINDOW_BYTES]) {
      const most = maxWindow ?? MAX_WINDOW_BYTES;
      it(`lets what is under way grow with what has come, up to ${most} bytes`, () => {
        const { takeAll, grants } = makeInbox(1e9, maxWindow);
        const frames = large(8 * MAX_WINDOW_BYTES);
        let granted = FREE_WINDOW_BYTES;
        let widest = 0;
        for (const [i, frame] of frames.slice(0, -1).entries()) {
          takeAll([frame]);
          granted += grants.splice(0).reduce((sum, [, , bytes]) => sum + bytes, 0);
          const came = (i + 1) * MAX_FRAME_PAYLOAD;
          const window = Math.min(Math.max(came, FREE_WINDOW_BYTES), most);
          expect(granted - came).to.be.within(0.5 * window, window);
          widest = Math.max(widest, granted - came);
        }
        expect(widest).to.equal(most);
      });
    }

    it('is not granted for the end of a message, nor for small ones', () => {
      const { takeAll, grants } = makeInbox(1e9);
      takeAll(framesOf(Buffer.alloc(FREE_WINDOW_BYTES), {}, FREE_WINDOW_BYTES));
      takeAll([encodeFrame(header({ number: 0 }), Buffer.alloc(1000))]);
      expect(grants).to.deep.equal([]);
    });

    it('is counted for each message alone', () => {
      const { takeAll, grants } = makeInbox(1e9);
      const tenth = FREE_WINDOW_BYTES / 10;
      for (const number of [1, 2, 3, 4, 5]) {
        takeAll(framesOf(Buffer.alloc(FREE_WINDOW_BYTES), { number }, tenth).slice(0, 2));
      }
      expect(grants).to.deep.equal([]);
    });

    describe('where older messages of the source fill what one message may be', () => {
      const maxBytes = 2 * FREE_WINDOW_BYTES;
      const windowFrames = FREE_WINDOW_BYTES / MAX_FRAME_PAYLOAD;
      /** Two messages but for their last frames, and all frames of a third. */
      function crowd() {
        const box = makeInbox(maxBytes);
        const [one, two, three] = [1, 2, 3].map((number) => large(maxBytes, { number }));
        box.takeAll([...one!.slice(0, -1), ...two!.slice(0, -1)]);
        box.grants.length = 0;
        return { ...box, ends: [one!.at(-1)!, two!.at(-1)!] as const, three: three! };
      }

      it('is not granted for the next ones', () => {
        const { takeAll, grants, three } = crowd();
        takeAll(three.slice(0, windowFrames));
        expect(grants).to.deep.equal([]);
      });

      it('is granted as soon as one of those is whole', () => {
        const { takeAll, grants, ends, three } = crowd();
        takeAll(three.slice(0, windowFrames));
        expect(takeAll([ends[0]])).to.have.lengthOf(1);
        expect(grants).to.deep.equal([[5, 3, FREE_WINDOW_BYTES]]);
        expect(takeAll(three.slice(windowFrames))).to.have.lengthOf(1);
      });

      it('is granted to other sources', () => {
        const { takeAll, grants } = crowd();
        takeAll(large(maxBytes, { source: 6 }).slice(0, 2));
        expect(grants.map(([source]) => source)).to.deep.equal([6]);
      });

      it('that is overdrawn loses the message, once, and no other', () => {
        const { takeAll, refused, ends, three } = crowd();
        takeAll(three.slice(0, windowFrames));
        expect(refused, 'up to the last byte').to.deep.equal([]);
        expect(takeAll(three.slice(windowFrames))).to.deep.equal([]);
        expect(refused.map(([{ number }, code]) => [number, code])).to.deep.equal([
          [3, 'ERR_MESSAGE_LOST'],
        ]);
        expect(takeAll([...ends]).map(({ number }) => number)).to.deep.equal([1, 2]);
        expect(takeAll(large(maxBytes, { number: 3 })), 'the next one').to.have.lengthOf(1);
      });
    });
  });

  describe('memory', () => {
    const partialsOf = (inbox: Inbox) =>
      (inbox as unknown as { _partials: Map<number, Map<number, { memory?: Buffer }>> })._partials;
    const bytesOf = (inbox: Inbox, number = 1) =>
      partialsOf(inbox).get(5)?.get(number)?.memory?.length;
    /** The first frames of a message that says that it has so many. */
    function claiming(parts: number, sent: number, number = 1): Buffer[] {
      const frames = framesOf(Buffer.alloc(10 * MAX_FRAME_PAYLOAD), { number }, MAX_FRAME_PAYLOAD);
      setPart(frames[0]!, parts);
      return frames.slice(0, sent);
    }
    const unpaid = FREE_WINDOW_BYTES + MAX_FRAME_PAYLOAD;

    it('is that of the first frame until there is another, whatever a message says of its size', () => {
      const { inbox, takeAll } = makeInbox(1e9);
      takeAll(claiming(65_535, 1));
      expect(bytesOf(inbox)).to.equal(MAX_FRAME_PAYLOAD);
    });

    it('is taken for what may come without credit, then for the whole, up to the limit', () => {
      for (const [maxBytes, parts, whole] of [
        [1e6, 12, 12 * MAX_FRAME_PAYLOAD],
        [1e6, 65_535, 1e6 + MAX_FRAME_PAYLOAD],
        [1e6, 3, 3 * MAX_FRAME_PAYLOAD],
      ] as const) {
        const { inbox, takeAll } = makeInbox(maxBytes);
        const frames = claiming(parts, 6);
        takeAll(frames.splice(0, 2));
        expect(bytesOf(inbox)).to.equal(Math.min(unpaid, whole));
        if (parts > 3) takeAll(frames);
        expect(bytesOf(inbox)).to.equal(whole);
      }
    });

    it('is not taken for more messages of a source than fit into one of the largest', () => {
      const { inbox, takeAll, grants } = makeInbox(1e6);
      for (const number of [1, 2, 3]) takeAll(claiming(65_535, 4, number));
      expect(new Set(grants.map(([, number]) => number))).to.deep.equal(new Set([1]));
      for (const number of [1, 2, 3]) expect(bytesOf(inbox, number)).to.equal(unpaid);
      inbox.forget(5);
      takeAll(claiming(65_535, 6, 3));
      expect(bytesOf(inbox, 3), 'when there is room again').to.equal(1e6 + MAX_FRAME_PAYLOAD);
    });

    it('holds what has come before it grew', () => {
      const { takeAll } = makeInbox(1e9);
      const payload = new Random(3).bytes(20 * MAX_FRAME_PAYLOAD + 77);
      const [message] = takeAll(framesOf(payload, {}, MAX_FRAME_PAYLOAD));
      expect(message!.payload.equals(payload)).to.equal(true);
    });

    it('is given up with a message that is longer than it said, which is lost', () => {
      const { inbox, takeAll, refused } = makeInbox(1e9);
      expect(takeAll(claiming(2, 3))).to.deep.equal([]);
      expect(refused.map(([, ...why]) => why)).to.deep.equal([
        ['ERR_MESSAGE_LOST', 'it is longer than it said'],
      ]);
      expect(bytesOf(inbox)).to.equal(undefined);
    });
  });

  describe('a message over the limit', () => {
    it('is refused once, and its rest is thrown away', () => {
      const { takeAll, refused } = makeInbox(5000);
      expect(takeAll(framesOf(Buffer.alloc(20_000)))).to.deep.equal([]);
      expect(refused).to.have.lengthOf(1);
      expect(refused[0]![0]).to.include({ source: 5, replyHandle: 2000, number: 1 });
      expect(refused[0]![1]).to.equal('ERR_MESSAGE_TOO_LARGE');
    });

    it('is one of one byte more, and none of exactly the limit', () => {
      const { takeAll, codes } = makeInbox(5000);
      expect(takeAll(framesOf(Buffer.alloc(5000)))).to.have.lengthOf(1);
      expect(takeAll(framesOf(Buffer.alloc(5001)))).to.have.lengthOf(0);
      expect(codes()).to.deep.equal(['ERR_MESSAGE_TOO_LARGE']);
    });

    it('goes on being granted, so that it leaves the lane of its sender', () => {
      const { takeAll, grants } = makeInbox(1000);
      const frames = framesOf(Buffer.alloc(4 * FREE_WINDOW_BYTES), {}, MAX_FRAME_PAYLOAD);
      takeAll(frames.slice(0, -1));
      const granted = grants.reduce((sum, [, , bytes]) => sum + bytes, FREE_WINDOW_BYTES);
      expect(granted).to.be.at.least(4 * FREE_WINDOW_BYTES);
    });

    it('leaves other messages, and the next of the same number, alone', () => {
      const { takeAll } = makeInbox(5000);
      const large = framesOf(Buffer.alloc(20_000));
      const small = framesOf(Buffer.from('x'.repeat(3000)), { number: 2 });
      const got = takeAll([...large.slice(0, 10), ...small, ...large.slice(10)]);
      expect(got.map(({ number }) => number)).to.deep.equal([2]);
      expect(takeAll(framesOf(Buffer.from('y'.repeat(3000))))).to.have.lengthOf(1);
    });
  });

  describe('a message that nobody wants', () => {
    const why: Refusal = ['ERR_NO_HANDLE', 'nobody is there'];

    it('is refused with its first frame, and once', () => {
      const { takeAll, refused } = makeInbox();
      const frames = framesOf(Buffer.alloc(5000));
      takeAll(frames.slice(0, 1), why);
      expect(refused.map(([, ...refusal]) => refusal)).to.deep.equal([why]);
      expect(takeAll(frames.slice(1)), 'also where somebody listens later').to.deep.equal([]);
      expect(refused).to.have.lengthOf(1);
    });

    it('is refused in the middle where it is not wanted any more', () => {
      const { takeAll, codes } = makeInbox();
      const frames = framesOf(Buffer.alloc(5000));
      takeAll(frames.slice(0, 2));
      takeAll(frames.slice(2), why);
      expect(codes()).to.deep.equal(['ERR_NO_HANDLE']);
    });

    it('of one frame is refused, too', () => {
      const { takeAll, codes } = makeInbox();
      expect(takeAll([encodeFrame(header({ number: 0 }), Buffer.from('x'))], why)).to.be.empty;
      expect(codes()).to.deep.equal(['ERR_NO_HANDLE']);
    });
  });

  describe('a frame that is missing', () => {
    for (let missing = 1; missing < 5; missing++) {
      it(`(number ${missing} of 5) loses the message, once`, () => {
        const { takeAll, refused } = makeInbox();
        const frames = framesOf(Buffer.alloc(5000));
        frames.splice(missing, 1);
        expect(takeAll(frames)).to.deep.equal([]);
        // Without its last frame it is unfinished, and makes way for the next of its number.
        expect(refused.map(([, code]) => code)).to.deep.equal(
          missing < 4 ? ['ERR_MESSAGE_LOST'] : [],
        );
        expect(takeAll(framesOf(Buffer.alloc(5000)))).to.have.lengthOf(1);
      });
    }

    it('and is the first leaves nothing to put together', () => {
      const { inbox, takeAll, refused } = makeInbox();
      expect(takeAll(framesOf(Buffer.alloc(5000)).slice(1))).to.deep.equal([]);
      expect(refused).to.deep.equal([]);
      expect((inbox as unknown as { _partials: Map<number, unknown> })._partials.size).to.equal(0);
    });

    it('or comes twice loses the message', () => {
      const { takeAll, codes } = makeInbox();
      const frames = framesOf(Buffer.alloc(5000));
      expect(takeAll([...frames.slice(0, 3), ...frames.slice(2)])).to.deep.equal([]);
      expect(codes()).to.deep.equal(['ERR_MESSAGE_LOST']);
    });
  });

  it('does not mix two messages of one number: the first frame begins anew', () => {
    const { takeAll, codes } = makeInbox();
    takeAll(framesOf(Buffer.from('a'.repeat(5000))).slice(0, 2));
    const [message] = takeAll(framesOf(Buffer.from('b'.repeat(3000))));
    expect(message!.payload.toString()).to.equal('b'.repeat(3000));
    expect(codes()).to.deep.equal([]);
  });

  it(`keeps ${MAX_UNFINISHED} unfinished messages of a source, and refuses one more`, () => {
    const { takeAll, refused } = makeInbox();
    const all = Array.from({ length: MAX_UNFINISHED + 1 }, (_, i) =>
      framesOf(Buffer.alloc(2000), { number: i + 1 }),
    );
    for (const [first] of all.slice(0, -1)) takeAll([first!]);
    expect(refused).to.deep.equal([]);
    expect(takeAll(all.at(-1)!), 'also its rest').to.deep.equal([]);
    expect(refused.map(([{ number }, code]) => [number, code])).to.deep.equal([
      [MAX_UNFINISHED + 1, 'ERR_MESSAGE_LOST'],
    ]);
    expect(takeAll(framesOf(Buffer.alloc(2000), { source: 6 })), 'of another').to.have.lengthOf(1);
    expect(takeAll([all[7]![1]!]), 'those go on').to.have.lengthOf(1);
    expect(takeAll(all.at(-1)!), 'and leave room').to.have.lengthOf(1);
  });

  describe('forget', () => {
    it('drops the unfinished messages of a source, and those only', () => {
      const { inbox, takeAll } = makeInbox();
      const lost = framesOf(Buffer.from('a'.repeat(3000)), { source: 5 });
      const kept = framesOf(Buffer.from('b'.repeat(3000)), { source: 6 });
      takeAll([...lost.slice(0, 2), ...kept.slice(0, 2)]);
      inbox.forget(5);
      inbox.forget(99);
      const [message] = takeAll(kept.slice(2));
      expect(message!.payload.toString()).to.equal('b'.repeat(3000));
      expect(
        takeAll(framesOf(Buffer.from('c'.repeat(3000)), { source: 5 }))[0]!.payload.toString(),
      ).to.equal('c'.repeat(3000));
    });
  });
});
