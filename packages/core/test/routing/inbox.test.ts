import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { Inbox } from '../../src/routing/inbox.js';
import type { Message } from '../../src/routing/message.js';
import {
  encodeFrame,
  FLAG_ERROR,
  FLAG_MORE,
  type Header,
  readHeader,
} from '../../src/wire/frame.js';
import { GRANT_BYTES, MAX_FRAME_PAYLOAD } from '../../src/wire/limits.js';

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
    const flags = (fields.flags ?? 0) | (isLast ? 0 : FLAG_MORE);
    frames.push(encodeFrame(header({ ...fields, flags }), payload.subarray(at, at + frameBytes)));
  }
  return frames;
}

function makeInbox(maxBytes = 1e6) {
  const grants: [source: number, number: number, bytes: number][] = [];
  const refused: Header[] = [];
  const inbox = new Inbox(maxBytes, {
    onGrant: (...grant) => grants.push(grant),
    onTooLarge: (frame) => refused.push(readHeader(frame)),
  });
  const takeAll = (frames: Buffer[]): Message[] =>
    frames.flatMap((frame) => inbox.take(frame) ?? []);
  return { inbox, grants, refused, takeAll };
}

describe('routing/inbox', () => {
  it('gives a message of one frame at once', () => {
    const { inbox } = makeInbox();
    const frame = encodeFrame(header({ number: 0, flags: FLAG_ERROR }), Buffer.from('payload'));
    expect(inbox.take(frame)).to.deep.equal({
      ...header({ number: 0, flags: FLAG_ERROR }),
      payload: Buffer.from('payload'),
    });
  });

  it('takes a message without a number for whole, whatever its flags say', () => {
    const { inbox } = makeInbox();
    const frame = encodeFrame(header({ number: 0, flags: FLAG_MORE }), Buffer.from('all'));
    expect(inbox.take(frame)?.payload.toString()).to.equal('all');
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
      encodeFrame(header({ flags: FLAG_MORE }), Buffer.from('all')),
      encodeFrame(header({}), Buffer.alloc(0)),
    ];
    expect(takeAll(frames)[0]!.payload.toString()).to.equal('all');
  });

  describe('credit', () => {
    it('is granted each time that so many bytes have come, to the source of the message', () => {
      const { takeAll, grants } = makeInbox(1e9);
      const frames = framesOf(Buffer.alloc(3 * GRANT_BYTES), { number: 9 }, MAX_FRAME_PAYLOAD);
      takeAll(frames.slice(0, 7));
      expect(grants).to.deep.equal([]);
      takeAll(frames.slice(7, 16));
      expect(grants).to.deep.equal([
        [5, 9, GRANT_BYTES],
        [5, 9, GRANT_BYTES],
      ]);
    });

    it('is granted in full where frames do not fit the grants', () => {
      const { takeAll, grants } = makeInbox(1e9);
      const frames = framesOf(Buffer.alloc(2_000_000), {}, 60_000);
      takeAll(frames.slice(0, 20));
      expect(grants.map(([, , bytes]) => bytes)).to.deep.equal([540_000, 540_000]);
    });

    it('is not granted for the end of a message, nor for small ones', () => {
      const { takeAll, grants } = makeInbox(1e9);
      takeAll(framesOf(Buffer.alloc(GRANT_BYTES), {}, MAX_FRAME_PAYLOAD));
      takeAll([encodeFrame(header({ number: 0 }), Buffer.alloc(1000))]);
      expect(grants).to.deep.equal([]);
    });

    it('is counted for each message alone', () => {
      const { takeAll, grants } = makeInbox(1e9);
      for (const number of [1, 2, 3]) {
        takeAll(framesOf(Buffer.alloc(GRANT_BYTES), { number }, MAX_FRAME_PAYLOAD).slice(0, 5));
      }
      expect(grants).to.deep.equal([]);
    });
  });

  describe('a message over the limit', () => {
    it('is refused once, and its rest is thrown away', () => {
      const { takeAll, refused } = makeInbox(5000);
      expect(takeAll(framesOf(Buffer.alloc(20_000)))).to.deep.equal([]);
      expect(refused).to.have.lengthOf(1);
      expect(refused[0]).to.include({ source: 5, replyHandle: 2000, number: 1 });
    });

    it('is one of one byte more, and none of exactly the limit', () => {
      const { takeAll, refused } = makeInbox(5000);
      expect(takeAll(framesOf(Buffer.alloc(5000)))).to.have.lengthOf(1);
      expect(takeAll(framesOf(Buffer.alloc(5001)))).to.have.lengthOf(0);
      expect(refused).to.have.lengthOf(1);
    });

    it('goes on being granted, so that it leaves the lane of its sender', () => {
      const { takeAll, grants } = makeInbox(1000);
      takeAll(framesOf(Buffer.alloc(2 * GRANT_BYTES), {}, MAX_FRAME_PAYLOAD).slice(0, -1));
      expect(grants).to.have.lengthOf(1);
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
