/**
 * Pushed: part of the core, in every context.
 *
 * The kinds of endpoints that travel as values. docs/protocol.md, section "Values".
 */

/** An AbortSignal among the arguments of a call: the call's own signal. */
export const SIGNAL = 1;
