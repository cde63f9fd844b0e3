/**
 * Pushed: part of the core, in every context.
 *
 * The kinds of endpoints that travel as values. docs/protocol.md, section "Values".
 */

/** An AbortSignal among the arguments of a call: the call's own signal. */
export const SIGNAL = 1;
/** A generator that a call has returned: the id by which its methods are called. */
export const GENERATOR = 2;
