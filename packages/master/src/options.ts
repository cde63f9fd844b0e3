/**
 * Options of routers.
 */

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
   * Bytes of one message; a larger one fails at its sender, and nothing else does.
   * @defaultValue 134217728
   */
  maxMessageBytes?: number | undefined;
}
