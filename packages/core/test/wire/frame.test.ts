import { expect } from 'chai';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { Random } from '../../../../test/support/random.js';
import {
  destinationOf,
  encodeFrame,
  FrameDecoder,
  flagsOf,
  giveBack,
  HEADER_BYTES,
  type Header,
  handleOf,
  numberOf,
  payloadOf,
  readHeader,
  replyHandleOf,
  setAuthority,
  sourceOf,
} from '../../src/wire/frame.js';
import { MAX_FRAME_PAYLOAD } from '../../src/wire/limits.js';

const HEADER: Header = {
  flags: 5,
  destination: 0x01020304,
  source: 0x11121314,
  authority: 0x21222324,
  handle: 0x31323334,
  replyHandle: 0x41424344,
  number: 0x51525354,
};
const LARGEST: Header = {
  flags: 255,
  destination: 0xffffffff,
  source: 0xffffffff,
  authority: 0xffffffff,
  handle: 0xffffffff,
  replyHandle: 0xffffffff,
  number: 0xffffffff,
};

/** All frames of `chunks`, in memory of their own. */
function decode(chunks: Buffer[]): Buffer[] {
  const decoder = new FrameDecoder();
  const frames: Buffer[] = [];
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(Buffer.from(frame)));
  return frames;
}

function failure(chunks: Buffer[], frames: Buffer[] = []): Error & { code?: string } {
  const decoder = new FrameDecoder();
  try {
    for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame));
  } catch (error) {
    return error as Error;
  }
  throw new Error('no error was thrown');
}

function randomFrame(random: Random): Buffer {
  const word = () => random.pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, random.below(2 ** 32)]);
  const length = random.pick([0, 1, 2, 31, 32, 33, random.below(3000), 8192]);
  const header = {
    flags: random.below(256),
    destination: word(),
    source: word(),
    authority: word(),
    handle: word(),
    replyHandle: word(),
    number: word(),
  };
  return encodeFrame(header, random.bytes(length));
}

describe('wire/frame', () => {
  describe('encodeFrame', () => {
    for (const header of [HEADER, LARGEST]) {
      it(`writes a header that reads the same (flags ${header.flags})`, () => {
        const frame = encodeFrame(header, Buffer.from('payload'));
        expect(readHeader(frame)).to.deep.equal(header);
        expect(payloadOf(frame).toString()).to.equal('payload');
        expect(flagsOf(frame)).to.equal(header.flags);
        expect(destinationOf(frame)).to.equal(header.destination);
        expect(sourceOf(frame)).to.equal(header.source);
        expect(handleOf(frame)).to.equal(header.handle);
        expect(replyHandleOf(frame)).to.equal(header.replyHandle);
        expect(numberOf(frame)).to.equal(header.number);
      });
    }

    it('gives the bytes of the naive encoder', () => {
      const random = new Random(1);
      for (let i = 0; i < 500; i++) {
        const frame = randomFrame(random);
        const expected = naiveFrame({ ...readHeader(frame), payload: payloadOf(frame) });
        expect(frame.equals(expected), `frame ${i}`).to.equal(true);
      }
    });

    it('leaves no byte of the header as it was in memory', () => {
      for (let i = 0; i < 50; i++) {
        Buffer.allocUnsafe(HEADER_BYTES).fill(0xaa);
        const frame = encodeFrame(
          {
            flags: 0,
            destination: 0,
            source: 0,
            authority: 0,
            handle: 0,
            replyHandle: 0,
            number: 0,
          },
          Buffer.alloc(0),
        );
        expect(frame.toString('hex')).to.equal(`01${'00'.repeat(31)}`);
      }
    });

    it('copies the payload', () => {
      const payload = Buffer.from('abc');
      const frame = encodeFrame(HEADER, payload);
      payload.fill('x');
      expect(payloadOf(frame).toString()).to.equal('abc');
    });
  });

  describe('setAuthority', () => {
    it('changes the authority and nothing else', () => {
      const frame = encodeFrame(HEADER, Buffer.from('payload'));
      setAuthority(frame, 0xfffffffe);
      expect(readHeader(frame)).to.deep.equal({ ...HEADER, authority: 0xfffffffe });
      expect(payloadOf(frame).toString()).to.equal('payload');
    });
  });

  describe('FrameDecoder', () => {
    const frames = [
      encodeFrame(HEADER, Buffer.from('first')),
      encodeFrame(LARGEST, Buffer.alloc(0)),
      encodeFrame(HEADER, Buffer.alloc(100, 7)),
    ];
    const bytes = Buffer.concat(frames);

    it('gives the same frames wherever the bytes are cut in two', () => {
      for (let at = 0; at <= bytes.length; at++) {
        const pieces = [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))];
        expect(decode(pieces), `cut at ${at}`).to.deep.equal(frames);
      }
    });

    it('gives the same frames byte by byte', () => {
      const pieces = [...bytes].map((byte) => Buffer.from([byte]));
      expect(decode(pieces)).to.deep.equal(frames);
    });

    it('gives the same frames however they are cut', () => {
      for (let seed = 1; seed <= 200; seed++) {
        const random = new Random(seed);
        const sent = Array.from({ length: 1 + random.below(8) }, () => randomFrame(random));
        const pieces = random.cut(Buffer.concat(sent), random.pick([1, 7, 40, 500, 9000]));
        expect(decode(pieces), `seed ${seed}`).to.deep.equal(sent);
      }
    });

    it('copies nothing of frames that are whole in a chunk', () => {
      const chunk = Buffer.concat(frames);
      const decoder = new FrameDecoder();
      decoder.push(chunk, (frame) => {
        expect(frame.buffer === chunk.buffer, 'it shares memory').to.equal(true);
      });
    });

    it('gives a frame that spans chunks memory of its own', () => {
      const decoder = new FrameDecoder();
      const first = Buffer.from(bytes.subarray(0, 34));
      const second = Buffer.from(bytes.subarray(34, 37));
      const got: Buffer[] = [];
      for (const chunk of [first, second]) {
        decoder.push(chunk, (frame) => got.push(frame));
        chunk.fill(0);
      }
      expect(got[0]).to.deep.equal(frames[0]);
    });

    it('takes a frame of the largest payload', () => {
      const largest = encodeFrame(HEADER, Buffer.alloc(MAX_FRAME_PAYLOAD, 1));
      expect(decode([largest])).to.deep.equal([largest]);
      expect(decode(new Random(1).cut(largest, 5000))).to.deep.equal([largest]);
    });

    for (const length of [MAX_FRAME_PAYLOAD + 1, 0x80000000, 0xffffffff]) {
      it(`refuses a frame that claims ${length} bytes, before they come`, () => {
        const header = naiveFrame({ length });
        expect(failure([header]).code).to.equal('ERR_FRAME_TOO_LARGE');
        expect(failure(new Random(1).cut(header, 5)).code).to.equal('ERR_FRAME_TOO_LARGE');
      });
    }

    for (const version of [0, 2, 255]) {
      it(`refuses version ${version}`, () => {
        const error = failure([naiveFrame({ version })]);
        expect(error.code).to.equal('ERR_VERSION');
        expect(error.name).to.equal('ProtocolError');
        expect(error.message).to.contain(String(version));
        expect(failure(new Random(1).cut(naiveFrame({ version }), 9)).code).to.equal('ERR_VERSION');
      });
    }

    it('gives the frames in front of bad bytes', () => {
      for (const cut of [false, true]) {
        const all = Buffer.concat([bytes, Buffer.from('login: '.repeat(10))]);
        const got: Buffer[] = [];
        const error = failure(cut ? new Random(3).cut(all, 11) : [all], got);
        expect(error.code).to.equal('ERR_VERSION');
        expect(got).to.deep.equal(frames);
      }
    });

    it('goes on refusing after bad bytes that came in pieces', () => {
      const decoder = new FrameDecoder();
      const bad = naiveFrame({ version: 9 });
      decoder.push(bad.subarray(0, 31), () => {});
      const push = () => decoder.push(Buffer.from(bytes), () => expect.fail('a frame came out'));
      expect(push).to.throw('version byte 9');
      expect(push).to.throw('version byte 9');
    });

    it('takes any bytes at all without another error than its own', () => {
      for (let seed = 1; seed <= 2000; seed++) {
        const random = new Random(seed);
        const noise = random.bytes(random.below(200));
        if (random.chance(0.5)) noise[0] = 1;
        const decoder = new FrameDecoder();
        try {
          for (const piece of random.cut(noise, 64)) decoder.push(piece, () => {});
        } catch (error) {
          const { code } = error as { code: string };
          expect(['ERR_VERSION', 'ERR_FRAME_TOO_LARGE'], `seed ${seed}`).to.include(code);
        }
      }
    });
  });

  describe('memory of full frames', () => {
    const full = (fill: number) =>
      encodeFrame({ ...HEADER, number: fill }, Buffer.alloc(MAX_FRAME_PAYLOAD, fill));
    const isSameMemory = (a: Buffer, b: Buffer) => a.buffer === b.buffer;

    it('that was given back is used again, by encoder and decoder', () => {
      const first = full(1);
      giveBack(first);
      const second = full(2);
      expect(isSameMemory(first, second)).to.equal(true);
      expect(payloadOf(second).equals(Buffer.alloc(MAX_FRAME_PAYLOAD, 2))).to.equal(true);
      const bytes = Buffer.from(second);
      giveBack(second);
      const decoded: Buffer[] = [];
      const decoder = new FrameDecoder();
      for (const piece of [bytes.subarray(0, 100), bytes.subarray(100)]) {
        decoder.push(piece, (frame) => decoded.push(frame));
      }
      expect(isSameMemory(decoded[0]!, first)).to.equal(true);
      expect(decoded[0]!.equals(bytes)).to.equal(true);
    });

    it("that was not given back is nobody else's", () => {
      const frames = [1, 2, 3].map(full);
      for (const [i, frame] of frames.entries()) {
        expect(payloadOf(frame)[0], `frame ${i}`).to.equal(i + 1);
      }
    });

    it('is not taken where it is part of something larger, another length, or gone', () => {
      const whole = Buffer.alloc(2 * full(1).length);
      const moved = full(1);
      structuredClone(moved.buffer, { transfer: [moved.buffer as ArrayBuffer] });
      for (const wrong of [whole.subarray(0, whole.length / 2), Buffer.alloc(100), moved]) {
        giveBack(wrong);
        expect(isSameMemory(full(3), wrong)).to.equal(false);
      }
    });
  });
});
