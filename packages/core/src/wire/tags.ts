/**
 * Pushed: part of the core, in every context.
 *
 * The first byte of each encoded value: what it is. docs/protocol.md, section "Values".
 */

export const UNDEFINED = 0;
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 3;
/** An integer of at most 32 bits: zigzag varint. */
export const INT = 4;
/** Any other number: 8 bytes. */
export const DOUBLE = 5;
/** Sign byte, then the magnitude in hex as a string. */
export const BIGINT = 6;
/** Byte length, then UTF-8. */
export const STRING = 7;
/** Length, then the elements; a hole is the tag HOLE. */
export const ARRAY = 8;
/** Number of properties, then key (as STRING without its tag) and value of each. */
export const OBJECT = 9;
export const MAP = 10;
export const SET = 11;
/** Milliseconds as 8 bytes; NaN for an invalid date. */
export const DATE = 12;
/** Byte length, then the bytes: a Buffer. */
export const BUFFER = 13;
/** Index into VIEWS, byte length, bytes. */
export const VIEW = 14;
/** Name, message and stack as strings without tags, then own properties as an OBJECT. */
export const ERROR = 15;
/** Index of an object that was met before in this value. */
export const REFERENCE = 16;
/** Kind, then a value that the endpoint codec understands. */
export const ENDPOINT = 17;
/** The text of a Secret. */
export const SECRET = 18;
export const HOLE = 19;
/** A text in UTF-16 code units, for texts with lone surrogates: byte length, then the bytes. */
export const STRING16 = 20;
