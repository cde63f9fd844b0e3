/**
 * Not pushed, but in a build for traces (scripts/trace.ts).
 *
 * Frames as text, one line each. Whatever the bytes are, the line is ASCII without control characters,
 * and shows no Secret and no argument of Kinetin's own calls, which may be credentials.
 */

import { deserialize } from './deserialize.js';
import * as endpoints from './endpoints.js';
import { FLAG_DEAD, FLAG_ERROR, FLAG_MORE } from './flags.js';
import { HEADER_BYTES, type Header, payloadOf, readHeader } from './frame.js';
import * as handles from './handles.js';
import { Secret } from './secret.js';
import type { EndpointCodec } from './serialize.js';

/** Characters of a payload that are shown. */
const MAX_PREVIEW = 100;
/** Bytes of a binary value that are shown: as many as name a module in stacks. */
const SHOWN_BYTES = 8;

/** Stands for an endpoint in a decoded payload. */
class Endpoint {
  constructor(readonly kind: number) {}
}

const codec: EndpointCodec = {
  encode: () => undefined,
  decode: (kind) => new Endpoint(kind),
};

/**
 * One line about a frame: source and destination, handle, flags, message number, authority where it is
 * not the source, reply handle, length, and the beginning of a payload that is a message of its own.
 * docs/debugging.md explains it. Never throws.
 */
export function describeFrame(frame: Buffer): string {
  if (frame.length < HEADER_BYTES) return `${frame.length} bytes, which are no frame`;
  const header = readHeader(frame);
  const { flags, source, destination, authority, handle, replyHandle, number } = header;
  const payload = payloadOf(frame);
  const words = [`${source} -> ${destination}`, nameOf(handles, handle) || indexOf(handle)];
  if (flags & FLAG_DEAD) words.push('dead');
  if (flags & FLAG_ERROR) words.push('error');
  if (number) words.push(`#${indexOf(number)}`);
  if (number && flags & FLAG_MORE) words.push('more');
  const strand = flags >> handles.STRAND_SHIFT;
  if (strand) words.push(`strand ${strand}`);
  if (authority !== source) words.push(`as ${authority}`);
  if (replyHandle) words.push(`reply ${indexOf(replyHandle)}`);
  const line = `${words.join(' ')}, ${payload.length} B`;
  const preview = previewOf(header, payload);
  return preview ? `${line}: ${preview}` : line;
}

/** The constant of `table` that has this value, if it is a name for that and not a bound. */
function nameOf(table: object, value: number): string | undefined {
  if (table === handles && (value < handles.CONFIG || value >= handles.FIRST_ALLOCATED_HANDLE)) {
    return undefined;
  }
  const named = Object.entries(table).find(([, constant]) => constant === value);
  return named?.[0];
}

/** An allocated handle or a message number; with the thread that owns it, as in `1:1000`. */
function indexOf(value: number): string {
  const thread = value >>> handles.THREAD_SHIFT;
  return thread ? `${thread}:${value & ((1 << handles.THREAD_SHIFT) - 1)}` : String(value);
}

function previewOf({ handle, number }: Header, payload: Buffer): string {
  if (handle === handles.CREDIT) return payload.length === 4 ? `${payload.readUInt32BE(0)}` : '';
  if (number) return '';
  const preview = new Preview();
  try {
    const value = deserialize(payload, codec);
    const isOwnCall = handle === handles.CALL_MAIN && Array.isArray(value);
    preview.add(isOwnCall ? (value as unknown[]).slice(0, 2) : value);
  } catch {
    // Not a value, or one that cannot be shown: the bytes themselves could hold anything.
    return 'unreadable';
  }
  const text = preview.text.replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > MAX_PREVIEW ? `${text.slice(0, MAX_PREVIEW)}...` : text;
}

/** Writes values as text until there is enough of it, so that no value costs more than that. */
class Preview {
  text = '';

  add(value: unknown): void {
    if (this.text.length > MAX_PREVIEW) return;
    if (typeof value === 'string') this.text += JSON.stringify(value.slice(0, MAX_PREVIEW));
    else if (typeof value === 'bigint') {
      this.text += BigInt.asIntN(64, value) === value ? `${value}n` : '<bigint>';
    } else if (typeof value === 'object' && value) this._addObject(value);
    else this.text += String(value);
  }

  private _addObject(value: object): void {
    if (value instanceof Secret) this.text += '[secret]';
    else if (value instanceof Endpoint) {
      this.text += `<${nameOf(endpoints, value.kind) || `endpoint ${value.kind}`}>`;
    } else if (value instanceof Error) this._addError(value);
    else if (value instanceof Date) this.text += JSON.stringify(value);
    else if (value instanceof ArrayBuffer) this._addBytes(Buffer.from(value));
    else if (ArrayBuffer.isView(value)) {
      this._addBytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    } else if (Array.isArray(value)) this._addList('[', listed(value), ']');
    else if (value instanceof Set) this._addList('Set[', listed([...value]), ']');
    else if (value instanceof Map) this._addList('Map{', [...value], '}');
    else this._addList('{', Object.entries(value), '}');
  }

  /** Own properties of an error may have these names, and any type. */
  private _addError({ name, message }: { name: unknown; message: unknown }): void {
    for (const part of [name, ': ', message]) {
      if (typeof part === 'string') this.text += part.slice(0, MAX_PREVIEW);
    }
  }

  private _addBytes(bytes: Buffer): void {
    const shown = bytes.toString('hex', 0, SHOWN_BYTES);
    this.text += `<${bytes.length} bytes ${shown}${bytes.length > SHOWN_BYTES ? '...' : ''}>`;
  }

  /** Adds items, or keys with their values. */
  private _addList(open: string, items: [unknown, unknown?][], close: string): void {
    this.text += open;
    items.slice(0, MAX_PREVIEW).forEach((item, i) => {
      if (i > 0) this.text += ',';
      this.add(item[0]);
      if (item.length === 1) return;
      this.text += ':';
      this.add(item[1]);
    });
    this.text += close;
  }
}

/** A hole counts as undefined. */
const listed = (values: unknown[]): [unknown][] =>
  Array.from(values.slice(0, MAX_PREVIEW), (value) => [value]);
