/**
 * Pushed: part of the core, in every context.
 *
 * Values to bytes: a compact tagged codec for what structuredClone knows, errors with all that they
 * carry, and Kinetin's own endpoints; anything else is refused with its path (`args[0].socket`).
 * The format is in docs/protocol.md, section "Values".
 */

import { SerializeError } from '../errors.js';
import { MAX_DEPTH, MAX_ERROR_CHARS, MAX_FRAME_PAYLOAD } from './limits.js';
import { Secret } from './secret.js';
import * as T from './tags.js';

/** How contexts and senders travel; the wire knows neither. */
export interface EndpointCodec {
  /** A kind and a plain value for an endpoint; undefined for any other instance of a class. */
  encode(value: object): [kind: number, plain: unknown] | undefined;
  /** The endpoint again. Throws where `plain` makes no sense. */
  decode(kind: number, plain: unknown): unknown;
}

/** The binary views, by their index on the wire. */
export const VIEWS = [
  'ArrayBuffer',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
];

/** Scratch memory, grown as needed; undefined while it is in use, and while it is a large result. */
let spare: Buffer | undefined;
let scratch: Buffer;
/** Up to so many objects a search is cheaper than a table. */
const FEW_OBJECTS = 8;
/** Scratch memory larger than this is kept for so many milliseconds: fresh pages are slow. */
const MAX_SPARE_BYTES = 4194304;
const LARGE_SPARE_MS = 1000;
/** Bytes of `scratch` that are written. */
let at = 0;
let endpoints: EndpointCodec | undefined;
/** Objects met in this value, with their index; and in order. */
let seen: Map<object, number> | undefined;
let order: object[];
let depth = 0;
/** Keys and indices from the root to the value being written. */
let path: (string | number)[] = [];

/**
 * Encodes `value`, leaving `headroom` bytes free in front of it.
 *
 * Order: properties are read once, in order; getters run. Throws a SerializeError that names the
 * path of a value that cannot travel, with `root` as the name of the value itself.
 */
export function serialize(
  value: unknown,
  codec?: EndpointCodec,
  headroom = 0,
  root = 'value',
): Buffer {
  const outer = { scratch, at, endpoints, seen, order, depth, path };
  const first = spare;
  scratch = spare || Buffer.allocUnsafe(16384);
  spare = undefined;
  at = headroom;
  endpoints = codec;
  seen = undefined;
  order = [];
  depth = 0;
  path = [root];
  let isKept = false;
  try {
    write(value);
    isKept = at <= headroom + MAX_FRAME_PAYLOAD;
    if (!isKept) return scratch.slice(0, at);
    const bytes = Buffer.allocUnsafe(at);
    scratch.copy(bytes, headroom, headroom, at);
    return bytes;
  } catch (error) {
    throw asRefusal(error);
  } finally {
    // What has grown for a part that did not travel in the end is not kept.
    spare =
      isKept && (scratch === first || scratch.length <= MAX_SPARE_BYTES) ? scratch : undefined;
    ({ scratch, at, endpoints, seen, order, depth, path } = outer);
  }
}

/** Takes back the memory of a result that is larger than a frame. Nobody may use that any more. */
export function reuse({ buffer }: Buffer): void {
  const memory = Buffer.from(buffer);
  if (spare && spare.length > memory.length) return;
  spare = memory;
  if (memory.length <= MAX_SPARE_BYTES) return;
  setTimeout(() => {
    if (spare === memory) spare = undefined;
  }, LARGE_SPARE_MS).unref();
}

function reserve(bytes: number): void {
  if (at + bytes <= scratch.length) return;
  // What is large already need not be twice as large with the next large part.
  const larger = Buffer.allocUnsafe(at + bytes + Math.max(at, 16384));
  scratch.copy(larger, 0, 0, at);
  scratch = larger;
}

function byte(value: number): void {
  reserve(1);
  scratch[at++] = value;
}

function varint(value: number): void {
  reserve(8);
  let rest = value;
  while (rest > 127) {
    scratch[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  scratch[at++] = rest;
}

function double(value: number): void {
  reserve(8);
  at = scratch.writeDoubleBE(value, at);
}

/** A length and UTF-8, without a tag. Lone surrogates become U+FFFD. */
function text(value: string): void {
  const length = value.length;
  if (length < 43) {
    // At most 128 bytes of UTF-8, so that one byte holds the length.
    reserve(130);
    const end = scratch.write(value, at + 1) + at + 1;
    if (end - at - 1 < 128) {
      scratch[at] = end - at - 1;
      at = end;
      return;
    }
  }
  const size = Buffer.byteLength(value);
  varint(size);
  reserve(size);
  at += scratch.write(value, at);
}

function raw(value: Uint8Array): void {
  varint(value.length);
  reserve(value.length);
  scratch.set(value, at);
  at += value.length;
}

function refuse(what: string): never {
  throw refusal(what);
}

/** Getters, proxies and codecs may throw anything. */
function asRefusal(thrown: unknown): SerializeError {
  return thrown instanceof SerializeError
    ? thrown
    : refusal(`it throws ${thrown && (thrown as Error).message}`);
}

function refusal(what: string): SerializeError {
  let name = '';
  for (const key of path) {
    if (!name) name = String(key);
    else if (typeof key === 'number') name += `[${key}]`;
    else name += /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  }
  return new SerializeError(`${name} cannot travel: ${what}`, name);
}

function write(value: unknown): void {
  switch (typeof value) {
    case 'undefined':
      return byte(T.UNDEFINED);
    case 'boolean':
      return byte(value ? T.TRUE : T.FALSE);
    case 'number':
      return number(value);
    case 'string':
      return string(value);
    case 'bigint': {
      byte(T.BIGINT);
      byte(value < 0 ? 1 : 0);
      return text((value < 0 ? -value : value).toString(16));
    }
    case 'object':
      return value === null ? byte(T.NULL) : object(value);
    default:
      refuse(
        typeof value === 'function'
          ? `a function (${value.name || 'anonymous'}); functions travel only as what is called`
          : `a ${typeof value}`,
      );
  }
}

function number(value: number): void {
  if ((value | 0) !== value || Object.is(value, -0)) {
    byte(T.DOUBLE);
    return double(value);
  }
  byte(T.INT);
  varint(value < 0 ? -value * 2 - 1 : value * 2);
}

function string(value: string): void {
  // A regular expression is the only test for lone surrogates that old engines have.
  if (/[\ud800-\udfff]/.test(value) && Buffer.from(value).toString() !== value) {
    byte(T.STRING16);
    return raw(Buffer.from(value, 'utf16le'));
  }
  byte(T.STRING);
  text(value);
}

function object(value: object): void {
  const index = seen ? seen.get(value) : order.indexOf(value);
  if (index !== undefined && index >= 0) {
    byte(T.REFERENCE);
    return varint(index);
  }
  order.push(value);
  if (seen) seen.set(value, order.length - 1);
  else if (order.length > FEW_OBJECTS) seen = new Map(order.map((one, i) => [one, i]));
  if (++depth > MAX_DEPTH) refuse(`nested more than ${MAX_DEPTH} levels deep`);
  const prototype = Object.getPrototypeOf(value);
  if (Array.isArray(value)) array(value);
  else if (prototype === null || prototype === Object.prototype) record(value);
  else instance(value, prototype);
  depth--;
}

function instance(value: object, prototype: object): void {
  const endpoint = endpoints?.encode(value);
  if (endpoint) {
    byte(T.ENDPOINT);
    varint(endpoint[0]);
    return write(endpoint[1]);
  }
  if (Buffer.isBuffer(value)) {
    byte(T.BUFFER);
    return raw(value);
  }
  if (value instanceof Secret) {
    byte(T.SECRET);
    return text(value.reveal());
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const view = VIEWS.indexOf(kind);
  // Anything may call itself a typed array.
  if (!view || (view > 0 && ArrayBuffer.isView(value))) return binary(value, view);
  if (value instanceof Error || kind === 'Error') return error(value as Error);
  if (value instanceof Map) {
    const flat: unknown[] = [];
    value.forEach((item, key) => {
      flat.push(key, item);
    });
    byte(T.MAP);
    return entries(flat, 2);
  }
  if (value instanceof Set) {
    byte(T.SET);
    return entries([...value], 1);
  }
  if (value instanceof Date) {
    byte(T.DATE);
    return double(value.getTime());
  }
  // Another realm's plain object has a prototype of its own whose prototype is null.
  if (kind === 'Object' && Object.getPrototypeOf(prototype) === null) return record(value);
  refuse(`an instance of ${value.constructor?.name || kind}`);
}

/** Reads the part itself: a getter that throws has a path, too. */
function part(owner: object, key: string | number): void {
  path.push(key);
  write((owner as Record<string, unknown>)[key]);
  path.pop();
}

function array(value: unknown[]): void {
  byte(T.ARRAY);
  varint(value.length);
  for (let i = 0; i < value.length; i++) {
    if (i in value) part(value, i);
    else byte(T.HOLE);
  }
}

function entries(flat: unknown[], width: number): void {
  varint(flat.length / width);
  flat.forEach((item, i) => {
    path.push(Math.floor(i / width));
    write(item);
    path.pop();
  });
}

function record(value: object): void {
  const keys = Object.keys(value);
  byte(T.OBJECT);
  varint(keys.length);
  for (const key of keys) {
    text(key);
    part(value, key);
  }
}

function binary(value: object, view: number): void {
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  byte(T.VIEW);
  byte(view);
  raw(
    view
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : new Uint8Array(value as unknown as ArrayBuffer),
  );
}

/** Never fails for a part of the error that cannot travel: a note takes its place. */
function error(value: Error): void {
  const keys = new Set(
    Object.keys(value).concat(['cause', 'errors', 'code'].filter((key) => key in value)),
  );
  byte(T.ERROR);
  for (const key of ['name', 'message', 'stack'] as const) text(shown(value, key));
  byte(T.OBJECT);
  varint(keys.size);
  keys.forEach((key) => {
    text(key);
    lenient(value, key);
  });
}

function shown(value: Error, key: 'name' | 'message' | 'stack'): string {
  let whole = '';
  try {
    whole = String(value[key] || '');
  } catch {
    // It cannot be read, or not be made a text.
  }
  return whole.length <= MAX_ERROR_CHARS
    ? whole
    : `${whole.slice(0, MAX_ERROR_CHARS)} ... (${whole.length - MAX_ERROR_CHARS} more characters)`;
}

function lenient(owner: object, key: string): void {
  const mark = { at, depth, length: path.length, size: order.length };
  try {
    part(owner, key);
  } catch (failure) {
    const { message } = asRefusal(failure);
    at = mark.at;
    depth = mark.depth;
    path.length = mark.length;
    while (order.length > mark.size) {
      const last = order.pop() as object;
      if (seen) seen.delete(last);
    }
    string(`[${message}]`);
  }
}
