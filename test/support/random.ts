/**
 * Seeded randomness for property tests: the same seed gives the same values on every machine, and a
 * failure names its seed.
 */

export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, but not including, 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer from 0 up to, but not including, `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** `bytes` in pieces of 1 to `longest` bytes, each in memory of its own. */
  cut(bytes: Buffer, longest: number): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + this.below(longest);
      pieces.push(Buffer.from(bytes.subarray(at, end)));
      at = end;
    }
    return pieces;
  }
}

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  127,
  128,
  -128,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 32,
  2 ** 53,
].concat([-(2 ** 53), 0.1, -1.5, 1e308, 5e-324, Number.NaN, Infinity, -Infinity]);
const TEXTS = ['', 'a', 'key', 'ä€😀', '\0', '\n', 'x'.repeat(42), 'x'.repeat(43), '€'.repeat(42)]
  .concat(['😀'.repeat(21), 'x'.repeat(127), 'y'.repeat(128), 'z'.repeat(20000), '\ud800'])
  .concat(['a\udfff', '\udc00\ud800', '\ufffd', '\ufeffbom']);
const KEYS = [
  '',
  'a',
  'b',
  '0',
  '7',
  '-1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
].concat(['length', 'then', 'ä€😀', 'with space', 'x'.repeat(200)]);
const VIEW_TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
].concat([
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as never) as (new (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
) => ArrayBufferView)[];

/** A value made of what both `structuredClone` and the wire know; with cycles and shared parts. */
export function randomValue(random: Random, levels = 4, met: object[] = []): unknown {
  const choice = random.below(levels > 0 ? 16 : 8);
  switch (choice) {
    case 0:
      return random.pick([undefined, null, true, false]);
    case 1:
    case 2:
      return random.chance(0.5) ? random.pick(NUMBERS) : random.below(2 ** 32) - 2 ** 31;
    case 3:
    case 4:
      return random.pick(TEXTS);
    case 5:
      return (
        BigInt(`0x0${random.bytes(random.below(40)).toString('hex')}`) *
        (random.chance(0.5) ? 1n : -1n)
      );
    case 6:
      return new Date(random.pick([0, -1, 8.64e15, Number.NaN, 1.7e12]));
    case 7:
      return met.length > 0 ? random.pick(met) : null;
    case 8:
    case 9:
      return randomBinary(random, met);
    case 10:
    case 11:
      return randomArray(random, levels, met);
    case 12:
      return randomMap(random, levels, met);
    case 13:
      return randomSet(random, levels, met);
    case 14:
      return randomError(random, levels, met);
    default:
      return randomObject(random, levels, met);
  }
}

function randomBinary(random: Random, met: object[]): object {
  const { buffer } = new Uint8Array(random.bytes(64));
  const Type = random.pick([...VIEW_TYPES, DataView]) as (typeof VIEW_TYPES)[number];
  const offset = 8 * random.below(4);
  const value = random.chance(0.1) ? buffer : new Type(buffer, offset, random.below(5));
  met.push(value);
  return value;
}

function randomArray(random: Random, levels: number, met: object[]): object {
  const array: unknown[] = [];
  met.push(array);
  for (let left = random.below(6); left > 0; left--) {
    if (random.chance(0.1)) array.length += 1 + random.below(3);
    else array.push(randomValue(random, levels - 1, met));
  }
  return array;
}

function randomMap(random: Random, levels: number, met: object[]): object {
  const map = new Map();
  met.push(map);
  for (let left = random.below(5); left > 0; left--) {
    map.set(randomValue(random, levels - 1, met), randomValue(random, levels - 1, met));
  }
  return map;
}

function randomSet(random: Random, levels: number, met: object[]): object {
  const set = new Set();
  met.push(set);
  for (let left = random.below(5); left > 0; left--) set.add(randomValue(random, levels - 1, met));
  return set;
}

const ERROR_TYPES = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
];
const MESSAGES = TEXTS.filter((text) => !/\p{Surrogate}/u.test(text));

/** Without own properties, which `structuredClone` drops. */
function randomError(random: Random, levels: number, met: object[]): object {
  // A cause that leads back to its error is more than the structuredClone of Node 20 can take.
  const options = random.chance(0.5) ? { cause: randomValue(random, levels - 1) } : {};
  const error = new (random.pick(ERROR_TYPES))(random.pick(MESSAGES), options);
  error.stack = `${error.name}: ${random.pick(MESSAGES)}\n    at f (file.js:1:2)`;
  met.push(error);
  return error;
}

function randomObject(random: Random, levels: number, met: object[]): object {
  const object = {};
  met.push(object);
  for (let left = random.below(6); left > 0; left--) {
    Object.defineProperty(object, random.pick(KEYS), {
      value: randomValue(random, levels - 1, met),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}
