/**
 * Pushed: part of the core, in every context.
 *
 * The bounds of the wire. docs/limits.md lists them; a check compares the two.
 */

/**
 * Bytes of payload in one frame: small enough that a frame never delays others for long, and 64 KiB
 * with its header, which is what Node reads at once.
 */
export const MAX_FRAME_PAYLOAD = 65504;

/** Bytes of one reassembled message, by default. Configurable per router; inherited by children. */
export const MAX_MESSAGE_BYTES = 134217728;

/** Bytes of a large message that may be sent before its receiver has granted any credit. */
export const FREE_WINDOW_BYTES = 262016;

/** Bytes of a large message that may be under way at most: credit grows with what has come. */
export const MAX_WINDOW_BYTES = 2097152;

/** Large messages that one thread has under way to one context; the next ones wait for them. */
export const MAX_UNDER_WAY = 32;

/** Unfinished messages that a context keeps of one source: of several threads. More are refused. */
export const MAX_UNFINISHED = 512;

/**
 * Work threads of one context at a time: as many as there are strands; with the main thread no more than
 * may have MAX_UNDER_WAY each under way to one context.
 */
export const MAX_WORK_THREADS = 15;

/**
 * Bytes that a sender may have under way to its receiver before these are read; the last message may
 * exceed them. No more than may wait in one stream, so that no sender alone stops a hop.
 */
export const CHANNEL_WINDOW_BYTES = 524288;

/** The same once a receiver has granted more: at most so much, whatever it says. */
export const MAX_CHANNEL_WINDOW_BYTES = 67108864;

/** Senders and channels that are open in a context, to one other context; more do not arrive. */
export const MAX_SENDERS = 16384;

/** Bytes waiting in one stream above which the streams that feed it are no longer read. */
export const HIGH_WATER_BYTES = 524288;

/** Bytes that may wait for a child that is still being connected; more is refused, not queued. */
export const MAX_PENDING_BYTES = 16777216;

/** Levels of nesting in one value. */
export const MAX_DEPTH = 500;

/**
 * Objects in one value that are neither arrays nor plain: so many are free, more must have so many
 * bytes of payload each, on average.
 */
export const FREE_OBJECTS = 131072;
export const OBJECT_BYTES = 8;

/** Characters of an error's message, and of its stack, that travel; the rest is cut with a note. */
export const MAX_ERROR_CHARS = 65536;

/** Characters of one log line; a longer line is cut into several. */
export const MAX_LOG_LINE = 16384;

/** Consecutive ids that the master hands out at once to a context that starts others. */
export const ID_BLOCK = 1000;

/**
 * Blocks of ids in use at a time that a child of the master gets; each level below gets a quarter of
 * that of the level above, at least one.
 */
export const MAX_ID_BLOCKS = 256;

/** Characters of a name, and of a path of names, that another context has given a context. */
export const MAX_NAME_CHARS = 1000;
