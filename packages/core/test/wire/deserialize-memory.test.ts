/** How much memory a payload can take: what costs its sender a byte must not cost the receiver a lot. */

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { ProtocolError } from '../../src/errors.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { FREE_OBJECTS, OBJECT_BYTES } from '../../src/wire/limits.js';
import { type EndpointCodec, serialize } from '../../src/wire/serialize.js';
import * as T from '../../src/wire/tags.js';

/**
 * Bytes of memory for each byte of payload, as long as there are few objects: see below for many. An empty
 * buffer takes the most: 95 in Node 20 and 22, 103 in 24 and 26.
 */
const FACTOR = 120;
const PAYLOAD_BYTES = 100_000;

const codec: EndpointCodec = { encode: () => undefined, decode: (_, plain) => ({ plain }) };

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** A list of as many values as fit, each from the bytes that `make` gives for its index. */
function listOf(make: (i: number) => readonly number[]): Buffer {
  const items: number[][] = [];
  for (let bytes = 0; bytes < PAYLOAD_BYTES; bytes += items.at(-1)!.length) {
    items.push([...make(items.length)]);
  }
  return Buffer.from([T.ARRAY, ...varint(items.length), ...items.flat()]);
}

const key = (text: string) => [text.length, ...Buffer.from(text)];
const nested = (part: readonly number[]) => [...Array(400).fill(part).flat(), T.NULL];
const withKey = (text: string) => [T.OBJECT, 1, ...key(text), T.NULL];

const cases: Record<string, (i: number) => readonly number[]> = {
  'empty arrays': () => [T.ARRAY, 0],
  'empty objects': () => [T.OBJECT, 0],
  'empty maps': () => [T.MAP, 0],
  'empty sets': () => [T.SET, 0],
  'empty buffers': () => [T.BUFFER, 0],
  'empty array buffers': () => [T.VIEW, 0, 0],
  'empty typed arrays': () => [T.VIEW, 2, 0],
  'empty views': () => [T.VIEW, 12, 0],
  'empty secrets': () => [T.SECRET, 0],
  dates: () => [T.DATE, 0, 0, 0, 0, 0, 0, 0, 0],
  bigints: () => [T.BIGINT, 0, 1, 0x31],
  texts: (i) => [T.STRING, 2, 97 + (i % 26), 97 + ((i >> 5) % 26)],
  holes: () => [T.HOLE],
  references: () => [T.REFERENCE, 0],
  endpoints: () => [T.ENDPOINT, 1, T.NULL],
  'arrays in arrays': () => nested([T.ARRAY, 1]),
  'maps in maps': () => nested([T.MAP, 1, T.NULL]),
  errors: () => [T.ERROR, 0, 0, 0, T.OBJECT, 0],
  'objects of one shape': () => withKey('a'),
  'objects of many shapes': (i) => withKey(i.toString(36).padStart(3, 'x')),
};

/** Those that V8 keeps by index get room for all indexes below. */
const indexed: typeof cases = {
  'objects with an index as key': () => withKey('999'),
  'objects with a small index as key': () => withKey('99'),
  'errors with an index as key': () => [T.ERROR, 0, 0, 0, ...withKey('999')],
};

describe('wire/deserialize-memory', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usedBytes = () => {
    collect();
    const { used_heap_size, external_memory } = getHeapStatistics();
    return used_heap_size + external_memory;
  };

  /** What the value of `payload` takes; 0 where it is refused. */
  function bytesTaken(payload: Buffer): number {
    const before = usedBytes();
    let value: unknown;
    try {
      value = deserialize(payload, codec);
    } catch (error) {
      expect(error).to.be.instanceOf(ProtocolError);
    }
    const taken = usedBytes() - before;
    return value === undefined ? 0 : taken;
  }

  for (const [title, make] of Object.entries(cases)) {
    it(`${title} take no more than ${FACTOR} times their bytes, or are refused`, () => {
      const payload = listOf(make);
      expect(bytesTaken(payload)).to.be.below(FACTOR * payload.length);
    });
  }

  for (const [title, make] of Object.entries(indexed)) {
    it(`${title} take no more than ${FACTOR} times their bytes, or are refused`, () => {
      const payload = listOf(make);
      expect(bytesTaken(payload)).to.be.below(FACTOR * payload.length);
    });
  }

  describe('objects that are neither arrays nor plain', () => {
    const maps = (count: number) =>
      Buffer.concat([
        Buffer.from([T.ARRAY, ...varint(count)]),
        Buffer.alloc(2 * count, Buffer.from([T.MAP, 0])),
      ]);
    /** As many as the free ones and the payload pay for. */
    const isAllowed = (count: number) =>
      count * OBJECT_BYTES <= FREE_OBJECTS * OBJECT_BYTES + maps(count).length;

    it('may be as many as are free or paid for, and not one more', () => {
      let edge = FREE_OBJECTS;
      while (isAllowed(edge + 1)) edge++;
      expect(deserialize(maps(edge))).to.have.lengthOf(edge);
      expect(() => deserialize(maps(edge + 1))).to.throw(ProtocolError, 'too many objects');
      expect(deserialize(maps(edge)), 'the next payload').to.have.lengthOf(edge);
    });

    it('may be as many as one likes where they hold something, and so may arrays and objects', () => {
      const count = 2 * FREE_OBJECTS;
      for (const value of [
        Array.from({ length: count }, (_, i) => new Date(i)),
        Array.from({ length: count }, (_, i) => new Map([['key', i]])),
        Array.from({ length: count }, () => []),
        Array.from({ length: count }, () => ({})),
      ]) {
        expect(deserialize(serialize(value))).to.have.lengthOf(count);
      }
    });
  });
});
