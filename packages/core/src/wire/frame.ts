/**
 * Pushed: part of the core, in every context.
 *
 * Frames: what travels on one hop. A frame is a 32-byte big-endian header and a payload of at most
 * 64 KiB, kept as one Buffer from socket to socket: forwarding reads header fields in place and
 * copies nothing. The layout is in docs/protocol.md, section "Frames".
 */

import { ProtocolError } from '../errors.js';
import { MAX_FRAME_PAYLOAD } from './limits.js';

export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 32;

/** More frames of this message follow. */
export const FLAG_MORE = 1;
/** A dead letter: the payload is [code, reason]. */
export const FLAG_DEAD = 2;
/** A reply that failed: the payload is the error. */
export const FLAG_ERROR = 4;
// The upper four bits are the strand of a call: see STRAND_SHIFT in handles.ts.

/** Header fields of a frame, without its payload. */
export interface Header {
  flags: number;
  destination: number;
  source: number;
  authority: number;
  handle: number;
  /** Where an answer goes; 0 where none is wanted. */
  replyHandle: number;
  /** Unique per source among its messages of several frames; 0 in a message of one frame. */
  number: number;
}

export const flagsOf = (frame: Buffer): number => frame[1] as number;
export const destinationOf = (frame: Buffer): number => frame.readUInt32BE(8);
export const sourceOf = (frame: Buffer): number => frame.readUInt32BE(12);
export const handleOf = (frame: Buffer): number => frame.readUInt32BE(20);
export const replyHandleOf = (frame: Buffer): number => frame.readUInt32BE(24);
export const numberOf = (frame: Buffer): number => frame.readUInt32BE(28);
export const payloadOf = (frame: Buffer): Buffer => frame.slice(HEADER_BYTES);
/** Which frame of its message this is, counted from 0 and modulo 65536. */
export const partOf = (frame: Buffer): number => frame.readUInt16BE(2);

/** Numbers a frame of a message of several. */
export function setPart(frame: Buffer, part: number): void {
  frame.writeUInt16BE(part & 65535, 2);
}

/** Stamps the authority that the arrival stream has: a sender's own word for it is never taken. */
export function setAuthority(frame: Buffer, authority: number): void {
  frame.writeUInt32BE(authority, 16);
}

export function readHeader(frame: Buffer): Header {
  return {
    flags: flagsOf(frame),
    destination: destinationOf(frame),
    source: sourceOf(frame),
    authority: frame.readUInt32BE(16),
    handle: handleOf(frame),
    replyHandle: replyHandleOf(frame),
    number: numberOf(frame),
  };
}

/** Writes the header in front of a payload of `length` bytes that stands at HEADER_BYTES. */
export function writeHeader(frame: Buffer, header: Header, length: number): void {
  frame[0] = PROTOCOL_VERSION;
  frame[1] = header.flags;
  frame[2] = frame[3] = 0;
  frame.writeUInt32BE(length, 4);
  frame.writeUInt32BE(header.destination, 8);
  frame.writeUInt32BE(header.source, 12);
  frame.writeUInt32BE(header.authority, 16);
  frame.writeUInt32BE(header.handle, 20);
  frame.writeUInt32BE(header.replyHandle, 24);
  frame.writeUInt32BE(header.number, 28);
}

/** Makes a frame; copies `payload`. */
export function encodeFrame(header: Header, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  writeHeader(frame, header, payload.length);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/**
 * Cuts a byte stream into frames, wherever its chunks are cut.
 *
 * Owns: the chunks given to it; frames may share their memory. A frame that spans chunks is copied
 * once, into memory of its own.
 */
export class FrameDecoder {
  /** A frame of which some bytes are missing; its header may not be complete. */
  private _partial: Buffer = Buffer.alloc(0);
  /** Bytes of `_partial` that have arrived. */
  private _filled = 0;

  /** Calls `onFrame` for each frame completed by `chunk`, in order. Throws a ProtocolError. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this._filled === 0 && chunk.length - at >= HEADER_BYTES) {
        const end = at + frameBytes(chunk, at);
        if (end <= chunk.length) {
          onFrame(chunk.slice(at, end));
          at = end;
          continue;
        }
      }
      at = this._fill(chunk, at, onFrame);
    }
  }

  private _fill(chunk: Buffer, start: number, onFrame: (frame: Buffer) => void): number {
    let at = start;
    if (this._filled === 0) this._partial = Buffer.allocUnsafe(HEADER_BYTES);
    for (;;) {
      const taken = chunk.copy(this._partial, this._filled, at);
      at += taken;
      this._filled += taken;
      if (this._filled < this._partial.length) return at;
      const total = frameBytes(this._partial, 0);
      if (this._filled === total) {
        this._filled = 0;
        onFrame(this._partial);
        return at;
      }
      const whole = Buffer.allocUnsafe(total);
      this._partial.copy(whole);
      this._partial = whole;
    }
  }
}

/** The length of the frame whose header stands at `at`. */
function frameBytes(bytes: Buffer, at: number): number {
  if (bytes[at] !== PROTOCOL_VERSION) {
    throw new ProtocolError(
      'ERR_VERSION',
      `not a frame of protocol version ${PROTOCOL_VERSION}: version byte ${bytes[at]}`,
    );
  }
  const length = bytes.readUInt32BE(at + 4);
  if (length > MAX_FRAME_PAYLOAD) {
    throw new ProtocolError('ERR_FRAME_TOO_LARGE', `frame too large: ${length} bytes of payload`);
  }
  return HEADER_BYTES + length;
}
