/**
 * What a hostile neighbour may send: frames changed at random, on the way that all frames take. They
 * are cut from the stream, put together to messages, and decoded.
 */

import { getHeapStatistics } from 'node:v8';
import { expect } from 'chai';
import { collect } from '../../../../test/support/heap.js';
import { Random, randomValue } from '../../../../test/support/random.js';
import { ProtocolError } from '../../src/errors.js';
import { Inbox } from '../../src/routing/inbox.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { FLAG_FIRST, FLAG_MORE } from '../../src/wire/flags.js';
import {
  encodeFrame,
  FrameDecoder,
  HEADER_BYTES,
  partOf,
  payloadOf,
  readHeader,
  setPart,
} from '../../src/wire/frame.js';
import { MAX_FRAME_PAYLOAD } from '../../src/wire/limits.js';
import { Secret } from '../../src/wire/secret.js';
import { type EndpointCodec, serialize } from '../../src/wire/serialize.js';
import { STRING16 } from '../../src/wire/tags.js';

const FRAMES = 100_000;
/** One connection each: what is unfinished at its end is forgotten, as a router does. */
const FRAMES_PER_STREAM = 50;
/** Of the inbox. Messages are up to ten times as long, so that it has some to refuse. */
const MAX_MESSAGE_BYTES = 2000;

/** The engine collects garbage at least this often. */
const FRAMES_PER_COLLECTION = 1000;
/**
 * What may be in use at any time above the start: the messages here are up to 100 KB long, so this is
 * mostly what has become garbage since the last collection.
 */
const HEAP_BYTES = 64_000_000;
/** The same by the account of the kernel, which also sees what comes and goes within a frame. */
const RESIDENT_BYTES = 256_000_000;

const codec: EndpointCodec = {
  encode: () => undefined,
  decode: (kind, plain) => {
    if (kind !== 1) throw new TypeError('no such endpoint');
    return { plain };
  },
};

/** Messages with every type in them, most of one frame and some of several: the frames of each. */
function makeMessages(count: number): Buffer[][] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(i + 1);
    const error = Object.assign(new TypeError('m', { cause: [1] }), { code: 'E', own: { a: 1 } });
    error.stack = 'TypeError: m\n    at f (file.js:1:2)';
    const extras = [error, new Secret('s'), Buffer.from('bytes'), '\ud800', new AggregateError([])];
    const value = [randomValue(random, 3), random.pick(extras), randomValue(random, 2)];
    const payload = serialize(value);
    const isCut = payload.length > MAX_FRAME_PAYLOAD || random.chance(0.3);
    const frameBytes = isCut ? 1 + (payload.length >> random.below(4)) : MAX_FRAME_PAYLOAD;
    const number = isCut ? 1 + i : 0;
    const fields = { destination: 0, source: 5, authority: 5, handle: 1000, replyHandle: 1 + i };
    const frames: Buffer[] = [];
    for (let at = 0; at < payload.length; at += frameBytes) {
      const more = at + frameBytes < payload.length ? FLAG_MORE : 0;
      const flags = more | (isCut && at === 0 ? FLAG_FIRST : 0);
      const part = payload.subarray(at, at + frameBytes);
      const frame = encodeFrame({ ...fields, flags, number }, part);
      setPart(frame, isCut && at === 0 ? Math.ceil(payload.length / frameBytes) : frames.length);
      frames.push(frame);
    }
    return frames;
  });
}

/** A length of 2 GiB. */
const HUGE = Buffer.from([255, 255, 255, 255, 7]);

/** A copy with up to four changes, each to the header or to the payload, or cut short. */
function mutate(frame: Buffer, random: Random): Buffer {
  const changed = Buffer.from(frame);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.chance(0.3)
      ? random.below(HEADER_BYTES)
      : HEADER_BYTES + random.below(changed.length - HEADER_BYTES);
    // Nine of ten leave the first bytes alone, or nothing would get past them.
    if (at < 8 && random.chance(0.9)) continue;
    if (random.chance(0.1)) changed.set(HUGE.subarray(0, changed.length - at), at);
    // Mostly tags and small lengths.
    else changed[at] = random.chance(0.6) ? random.below(STRING16 + 2) : random.below(256);
  }
  return random.chance(0.01) ? changed.subarray(0, random.below(changed.length)) : changed;
}

const heapBytes = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
};

/** The most that this process has ever used of the machine's memory. */
const mostResidentBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Takes what a stream brings, as a router does; counts what becomes of it. */
class Receiver {
  readonly outcomes = { frames: 0, streamsEnded: 0, tooLarge: 0, lost: 0, values: 0, refused: 0 };
  #decoder!: FrameDecoder;
  #inbox!: Inbox;

  constructor() {
    this.reconnect();
  }

  reconnect(): void {
    this.#decoder = new FrameDecoder();
    this.#inbox = new Inbox(MAX_MESSAGE_BYTES, undefined, {
      onGrant: () => {},
      onRefused: (_, [code]) => {
        if (code === 'ERR_MESSAGE_TOO_LARGE') this.outcomes.tooLarge++;
        else this.outcomes.lost++;
      },
    });
  }

  /** Throws what no neighbour must be able to cause. */
  push(bytes: Buffer): void {
    try {
      this.#decoder.push(bytes, (frame) => this.#take(frame));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      expect(error.code).to.be.oneOf(['ERR_VERSION', 'ERR_FRAME_TOO_LARGE']);
      this.outcomes.streamsEnded++;
      this.reconnect();
    }
  }

  #take(frame: Buffer): void {
    this.outcomes.frames++;
    expect(payloadOf(frame).length).to.be.at.most(MAX_FRAME_PAYLOAD);
    const whole = { ...readHeader(frame), payload: payloadOf(frame) };
    const message = this.#inbox.take(whole, partOf(frame));
    if (!message) return;
    try {
      deserialize(message.payload, codec);
      this.outcomes.values++;
    } catch (error) {
      if ((error as ProtocolError).code !== 'ERR_BAD_PAYLOAD') throw error;
      this.outcomes.refused++;
    }
  }
}

describe('routing/hostile-frames', () => {
  it(`${FRAMES} that were changed neither crash, hang, nor take more memory than they may`, () => {
    const random = new Random(1);
    const messages = makeMessages(600);
    const receiver = new Receiver();
    collect();
    const start = { heap: heapBytes(), resident: mostResidentBytes() };
    let mostHeap = 0;
    let waiting: Buffer[] = [];
    for (let i = 0; i < FRAMES; i++) {
      if (i % FRAMES_PER_STREAM === 0) receiver.reconnect();
      if (waiting.length === 0) waiting = [...random.pick(messages)];
      const bytes = mutate(waiting.shift() as Buffer, random);
      const pieces = random.chance(0.1) ? random.cut(bytes, 50) : [bytes];
      try {
        for (const piece of pieces) receiver.push(piece);
      } catch (error) {
        throw new Error(`frame ${i}`, { cause: error });
      }
      mostHeap = Math.max(mostHeap, heapBytes() - start.heap);
      // When the engine would do it depends on what other tests have left in this process.
      if (i % FRAMES_PER_COLLECTION === 0) collect();
    }
    expect(mostHeap, 'bytes of the heap').to.be.below(HEAP_BYTES);
    expect(mostResidentBytes() - start.resident, 'bytes in all').to.be.below(RESIDENT_BYTES);
    const { frames, streamsEnded, tooLarge, lost, values, refused } = receiver.outcomes;
    // Each of these ways was taken often.
    expect(frames).to.be.above(FRAMES / 2);
    expect(streamsEnded).to.be.above(FRAMES / 100);
    expect(values).to.be.above(FRAMES / 20);
    expect(refused).to.be.above(FRAMES / 20);
    expect(tooLarge).to.be.above(FRAMES / 1000);
    expect(lost).to.be.above(FRAMES / 1000);
  });
});
