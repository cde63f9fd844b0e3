/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Keeps what is written to a child until its Node is there to read it: where there is none, it is
 * written again once one was sent.
 */

import type { Transport } from '../routing/transport.js';

/** What is written before that: a shell without Node reads it byte by byte, to drop it. */
const EARLY_BYTES = 524288;

export interface Replay extends Transport {
  /** Writes nothing for now. */
  hold(): void;
  /** Writes again what was written so far. */
  replay(): void;
  /** The child reads: nothing is kept any more. */
  confirm(): void;
}

/**
 * The same transport. What is kept counts as not written, so that those who write notice when they
 * are to wait.
 */
export function replayable(transport: Transport): Replay {
  let kept: [bytes: Buffer, written: () => void][] = [];
  let isConfirmed = false;
  /** How many of `kept` are written, and how many bytes more may be. */
  let sent = 0;
  let room = EARLY_BYTES;
  const write = (bytes: Buffer) => {
    if ((room -= bytes.length) < 0) return;
    sent++;
    transport.write(bytes, () => {});
  };
  return {
    ...transport,
    write(bytes, written) {
      if (isConfirmed) return transport.write(bytes, written);
      kept.push([bytes, written]);
      write(bytes);
    },
    hold() {
      room = 0;
    },
    replay() {
      sent = 0;
      room = EARLY_BYTES;
      for (const [bytes] of kept) write(bytes);
    },
    confirm() {
      const all = kept;
      kept = [];
      isConfirmed = true;
      // In this order: whoever is told that there is room may write more at once.
      for (const [bytes, written] of all.slice(sent)) transport.write(bytes, written);
      for (const [, written] of all.slice(0, sent)) written();
    },
  };
}
