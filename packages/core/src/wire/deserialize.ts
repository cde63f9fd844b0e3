/**
 * Pushed: part of the core, in every context.
 *
 * Bytes to values, for bytes that a hostile peer may have made: every length is checked against the
 * bytes that are there before memory is taken, depth is bounded, no prototype is touched and no
 * code is run. The format is in docs/protocol.md, section "Values".
 */

import { ProtocolError } from '../errors.js';
import { FREE_OBJECTS, MAX_DEPTH, MAX_FRAME_PAYLOAD, OBJECT_BYTES } from './limits.js';
import { Secret } from './secret.js';
import { type EndpointCodec, VIEWS } from './serialize.js';
import * as T from './tags.js';

const ERRORS = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((one) => [
    one.name,
    one as ErrorConstructor,
  ]),
);

/** Bytes being read, and the position in them; shared, since no decoding is suspended. */
let bytes: Buffer;
let at = 0;
let endpoints: EndpointCodec | undefined;
/** Objects made so far, by index. */
let made: unknown[] = [];
let depth = 0;
/** Bytes of payload that have not paid for an object yet. */
let budget = 0;

/**
 * Decodes one value that fills `input`. Binary values share no memory with `input`, but for a Buffer
 * that is most of it and larger than a frame: that takes it over.
 * Throws a ProtocolError with code ERR_BAD_PAYLOAD.
 */
export function deserialize(input: Buffer, codec?: EndpointCodec): unknown {
  bytes = input;
  at = 0;
  endpoints = codec;
  made = [];
  depth = 0;
  budget = FREE_OBJECTS * OBJECT_BYTES + input.length;
  try {
    const value = read();
    if (at !== input.length) bad();
    return value;
  } catch (error) {
    // What the engine refuses (half an element, a Map that is too large), or a codec.
    throw error instanceof ProtocolError ? error : bad((error as Error).message);
  } finally {
    // A large payload is not kept until the next.
    bytes = made = [] as never[] as never;
  }
}

function bad(why = `malformed at byte ${at} of ${bytes.length}`): never {
  throw new ProtocolError('ERR_BAD_PAYLOAD', `payload cannot be decoded: ${why}`);
}

function byte(): number {
  if (at >= bytes.length) bad();
  return bytes[at++] as number;
}

function varint(): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 7; i++) {
    const next = byte();
    value += (next & 127) * scale;
    if (next < 128) return value;
    scale *= 128;
  }
  bad();
}

/** A count of things that take at least `width` bytes each, all of which must be there. */
function count(width = 1): number {
  const value = varint();
  if (value * width > bytes.length - at) bad();
  return value;
}

function raw(): Buffer {
  const length = count();
  at += length;
  return bytes.slice(at - length, at);
}

function text(): string {
  const length = count();
  at += length;
  return bytes.toString('utf8', at - length, at);
}

function double(): number {
  at += 8;
  return bytes.readDoubleBE(at - 8);
}

function read(): unknown {
  const tag = byte();
  switch (tag) {
    case T.UNDEFINED:
      return undefined;
    case T.NULL:
      return null;
    case T.TRUE:
      return true;
    case T.FALSE:
      return false;
    case T.INT: {
      const value = varint();
      return value % 2 ? -(value + 1) / 2 : value / 2;
    }
    case T.DOUBLE:
      return double();
    case T.BIGINT: {
      const sign = byte();
      const digits = text();
      const value = BigInt(`0x${digits}`);
      return sign ? -value : value;
    }
    case T.STRING:
      return text();
    case T.STRING16:
      return raw().toString('utf16le');
    case T.REFERENCE: {
      const index = varint();
      if (index >= made.length) bad();
      return made[index];
    }
    default:
      return object(tag);
  }
}

function object(tag: number): unknown {
  if (++depth > MAX_DEPTH) bad('it is nested too deep');
  // Others take much more memory than payload.
  if (tag > T.OBJECT && (budget -= OBJECT_BYTES) < 0) bad('it has too many objects');
  const index = made.length;
  made.push(undefined);
  const value = build(tag, index);
  made[index] = value;
  depth--;
  return value;
}

/** Registers containers before their parts, so that a part can refer to them. */
function build(tag: number, index: number): unknown {
  switch (tag) {
    case T.ARRAY:
      return array(index);
    case T.OBJECT:
      return properties((made[index] = {}));
    case T.MAP: {
      const map = new Map();
      made[index] = map;
      for (let left = count(2); left > 0; left--) map.set(read(), read());
      return map;
    }
    case T.SET: {
      const set = new Set();
      made[index] = set;
      for (let left = count(); left > 0; left--) set.add(read());
      return set;
    }
    case T.DATE:
      return new Date(double());
    case T.BUFFER: {
      const content = raw();
      const isMost = content.length > MAX_FRAME_PAYLOAD && content.length * 2 > bytes.length;
      return isMost ? content : Buffer.from(content);
    }
    case T.VIEW:
      return view(byte(), raw());
    case T.ERROR:
      return error(index);
    case T.ENDPOINT: {
      const kind = varint();
      const plain = read();
      if (!endpoints) bad();
      return endpoints.decode(kind, plain);
    }
    case T.SECRET:
      return new Secret(text());
    default:
      return bad();
  }
}

function array(index: number): unknown[] {
  const length = count();
  const values: unknown[] = [];
  made[index] = values;
  for (let i = 0; i < length; i++) {
    if (bytes[at] === T.HOLE) at++;
    else values[i] = read();
  }
  // Not before: arrays in arrays could each claim the rest of the payload.
  if (values.length < length) values.length = length;
  return values;
}

/** Defines rather than assigns, so that a key such as `__proto__` is a key like any other. */
function properties<Target extends object>(target: Target): Target {
  for (let left = count(2); left > 0; left--) {
    const key = text();
    const value = read();
    if (key in target || +key >= 0) define(target, key, value, true);
    else (target as Record<string, unknown>)[key] = value;
  }
  return target;
}

/** Hidden at first: an index then takes a place in a table, and not room for all indexes below it. */
function define(target: object, key: string, value: unknown, isShown: boolean): void {
  for (const enumerable of [false, isShown]) {
    Object.defineProperty(target, key, { value, enumerable, configurable: true, writable: true });
  }
}

function view(kind: number, content: Buffer): unknown {
  const { buffer } = new Uint8Array(content);
  if (!kind) return buffer;
  const Type = (globalThis as Record<string, unknown>)[VIEWS[kind] as string];
  return new (Type as typeof Int8Array)(buffer);
}

function error(index: number): Error {
  const name = text();
  const message = text();
  const stack = text();
  const failure = new (ERRORS.get(name) || Error)(message);
  made[index] = failure;
  if (failure.name !== name) define(failure, 'name', name, false);
  // Assigned: to define it would format the stack of this place first, which is slow.
  failure.stack = stack;
  if (byte() !== T.OBJECT) bad();
  const own = properties({}) as Record<string, unknown>;
  for (const key of Object.keys(own)) {
    define(failure, key, own[key], key !== 'cause' && key !== 'errors');
  }
  return failure;
}
