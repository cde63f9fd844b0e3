/**
 * Pushed: part of the core, in every context.
 *
 * The bounds of the wire. docs/limits.md lists them; a check compares the two.
 */

/** Bytes of payload in one frame: small enough that a frame never delays others for long. */
export const MAX_FRAME_PAYLOAD = 65536;

/** Bytes of one reassembled message, by default. Configurable per router; inherited by children. */
export const MAX_MESSAGE_BYTES = 134217728;

/** Bytes of a large message that may be sent before its receiver has granted any credit. */
export const FREE_WINDOW_BYTES = 2097152;

/** The receiver of a large message grants credit each time that it has taken this many bytes. */
export const GRANT_BYTES = 524288;

/** Bytes waiting in one stream above which the streams that feed it are no longer read. */
export const HIGH_WATER_BYTES = 524288;

/** Bytes that may wait for a child that is still being connected; more is refused, not queued. */
export const MAX_PENDING_BYTES = 16777216;

/** Levels of nesting in one value. */
export const MAX_DEPTH = 500;

/** Characters of an error's message, and of its stack, that travel; the rest is cut with a note. */
export const MAX_ERROR_CHARS = 65536;

/** Characters of one log line; a longer line is cut into several. */
export const MAX_LOG_LINE = 16384;
