/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Keeps what is written to a child until its Node is there to read it: where there is none, it is
 * written again once one was sent.
 */

import type { Transport } from '../routing/transport.js';

/** What is written before that: a shell without Node reads it byte by byte, to drop it. */
const EARLY_BYTES = 524288;

/** One write. */
interface Kept {
  bytes: Buffer;
  written(): void;
  /** How often the transport holds its memory now. */
  held: number;
}

export interface Replay extends Transport {
  /** Writes nothing for now: nobody has read what was written so far, nor will. */
  hold(): void;
  /** After {@link hold}: writes again what was written so far. */
  replay(): void;
  /** The child reads: nothing is kept any more. */
  confirm(): void;
}

/**
 * The same transport. What is kept counts as not written, so that those who write notice when they
 * are to wait.
 */
export function replayable(transport: Transport): Replay {
  const kept: Kept[] = [];
  let isConfirmed = false;
  /** How many of `kept` are given to the transport, and how many bytes more may be. */
  let sent = 0;
  let room = EARLY_BYTES;
  const write = (one: Kept) => {
    if ((room -= one.bytes.length) < 0) return;
    sent++;
    one.held++;
    transport.write(one.bytes, () => {
      --one.held || (isConfirmed && one.written());
    });
  };
  return {
    ...transport,
    write(bytes, written) {
      if (isConfirmed) return transport.write(bytes, written);
      const one = { bytes, written, held: 0 };
      kept.push(one);
      write(one);
    },
    hold() {
      sent = room = 0;
    },
    replay() {
      room = EARLY_BYTES;
      kept.forEach(write);
    },
    confirm() {
      room = Infinity;
      const all = kept.splice(0);
      all.slice(sent).forEach(write);
      // Last: whoever is told that there is room may write more at once.
      isConfirmed = true;
      // Where the transport holds it still, it tells.
      for (const one of all) one.held || one.written();
    },
  };
}
