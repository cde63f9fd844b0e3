/**
 * Pushed: part of the core, in every context.
 *
 * The flags of frames; docs/protocol.md, section "Frames".
 */

/** More frames of this message follow. */
export const FLAG_MORE = 1;
/** A dead letter: the payload is [code, reason]. */
export const FLAG_DEAD = 2;
/** A reply that failed: the payload is the error. */
export const FLAG_ERROR = 4;
/** The first frame of a message of several. */
export const FLAG_FIRST = 8;
// The upper four bits are the strand of a call: see STRAND_SHIFT in handles.ts.
