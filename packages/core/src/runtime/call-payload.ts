/** What calls say. Pushed as types only. */

/** [chain, START, NEXT or END]: see calls/chain-run.ts. */
export type ChainPlace = [number, number];

/**
 * [built-in module's name or '' for globals, a module's hash, or the id of what a call has left here;
 * path to the function; arguments; place in a chain].
 */
export type CallPayload = [string | Buffer | number, string[], unknown[], ChainPlace?];
