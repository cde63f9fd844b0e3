/**
 * A frame encoder that is too simple to be wrong: hex digits, in the order of docs/protocol.md. The
 * real one must give the same bytes.
 */

export interface NaiveFrame {
  version?: number;
  flags?: number;
  /** Its place in a message of several frames. */
  part?: number;
  /** Of the payload; what the header says of it may be a lie. */
  length?: number;
  destination?: number;
  source?: number;
  authority?: number;
  handle?: number;
  replyHandle?: number;
  number?: number;
  payload?: Uint8Array;
}

export function naiveFrame(frame: NaiveFrame): Buffer {
  const payload = Buffer.from(frame.payload ?? []);
  const digits =
    hex(frame.version ?? 1, 1) +
    hex(frame.flags ?? 0, 1) +
    hex(frame.part ?? 0, 2) +
    hex(frame.length ?? payload.length, 4) +
    hex(frame.destination ?? 0, 4) +
    hex(frame.source ?? 0, 4) +
    hex(frame.authority ?? 0, 4) +
    hex(frame.handle ?? 0, 4) +
    hex(frame.replyHandle ?? 0, 4) +
    hex(frame.number ?? 0, 4) +
    payload.toString('hex');
  return Buffer.from(digits, 'hex');
}

function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(2 * bytes, '0');
}
