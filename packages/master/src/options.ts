/**
 * Options of routers.
 */

import { invalidArgument, limits, type OptionTypes } from '@kinetin/core';
import type { LogLevel, LogSink } from './logs/sink.js';

export interface RouterOptions {
  /**
   * Takes the log records of all contexts: what they print, and what goes wrong in them.
   * @defaultValue one line per record on standard error
   */
  onLog?: LogSink | undefined;
  /**
   * Records below this level are not sent at all.
   * @defaultValue 'info'
   */
  logLevel?: LogLevel | undefined;
  /**
   * Bytes of one message, 65504 to 2^31 - 1; a larger one fails at its sender, and nothing else does.
   * @defaultValue 134217728
   */
  maxMessageBytes?: number | undefined;
  /**
   * Address of the npm registry that Node is fetched from, for targets that have none and are of
   * another platform than this machine.
   * @defaultValue that of npm's settings: `npm config get registry`
   */
  npmRegistry?: string | undefined;
}

/** For `checkOptions`. */
export const ROUTER_OPTIONS: OptionTypes<RouterOptions> = {
  onLog: 'function',
  logLevel: 'string',
  maxMessageBytes: 'number',
  npmRegistry: 'string',
};

const MAX_MESSAGE_BYTES_LIMIT = 2 ** 31 - 1;

/** Throws a TypeError with the code ERR_INVALID_ARG. A frame, and thus a log record, always passes. */
export function checkMessageBytes(bytes = limits.MAX_MESSAGE_BYTES): void {
  const { MAX_FRAME_PAYLOAD } = limits;
  if (Number.isInteger(bytes) && bytes >= MAX_FRAME_PAYLOAD && bytes <= MAX_MESSAGE_BYTES_LIMIT)
    return;
  throw invalidArgument(
    `maxMessageBytes must be a whole number from ${MAX_FRAME_PAYLOAD} to ${MAX_MESSAGE_BYTES_LIMIT}, not ${bytes}`,
  );
}
