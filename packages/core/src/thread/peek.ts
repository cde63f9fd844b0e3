/**
 * Pushed: part of the `threads` bundle; runs in the main thread.
 *
 * What a list that travels begins with, without decoding it.
 */

import { HEADER_BYTES } from '../wire/frame.js';
import { ARRAY, DOUBLE, INT, STRING } from '../wire/tags.js';

/** Bytes of a text that is of interest here: the name of a service. */
const MAX_TEXT_BYTES = 400;

/**
 * The first item of the list that a frame begins with, if it is a text or a positive number; undefined
 * for anything else. Never throws: the bytes may be anything.
 */
export function firstOf(frame: Buffer): string | number | undefined {
  // Behind the tag of the list and its length, which is below 128.
  const at = HEADER_BYTES + 2;
  const tag = frame[at];
  if (frame[HEADER_BYTES] !== ARRAY) return undefined;
  if (tag === DOUBLE) return frame.length < at + 9 ? undefined : frame.readDoubleBE(at + 1);
  const [number, behind] = varint(frame, at + 1);
  // Zigzag: the lowest bit is the sign.
  if (tag === INT) return number / 2;
  return tag === STRING && number <= MAX_TEXT_BYTES
    ? frame.toString('utf8', behind, behind + number)
    : undefined;
}

/** A varint, and where it ends. */
function varint(frame: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let unit = 1; ; unit *= 128) {
    const byte = frame[at++] || 0;
    value += (byte & 127) * unit;
    if (byte < 128) return [value, at];
  }
}
