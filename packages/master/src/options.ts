/**
 * Options of routers.
 */

import {
  checkOptions,
  invalidArgument,
  limits,
  type OptionTypes,
  type WaitOptions,
} from '@kinetin/core';
import type { BundleOptions } from './bundle/options.js';
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
   * Bytes of one large message that may be under way, 262016 to 67108864: what a connection carries of it
   * in a round trip. Larger ones for long and fast connections; a channel of SSH has 2 MiB under
   * way, so more than 8 MiB make little difference there. The window begins with 262016 and grows with
   * what has come of the message. For the whole tree.
   * @defaultValue 2097152
   */
  maxWindowBytes?: number | undefined;
  /**
   * Blocks of 1000 context ids that each child of the program has in use at a time, with all below it,
   * for the contexts that code there starts; more fail with ERR_TOO_MANY_CONTEXTS. 0: code in contexts
   * starts none. Those that the program starts do not count, wherever they are. Up to 4294967.
   * @defaultValue 256
   */
  maxIdBlocks?: number | undefined;
  /**
   * Address of the npm registry that Node is fetched from, for targets that have none and are of
   * another platform than this machine.
   * @defaultValue that of npm's settings: `npm config get registry`
   */
  npmRegistry?: string | undefined;
  /**
   * What of the program's modules travels, and how: packages that are not sent, lists of what may leave,
   * plugins, and loaders for data files. They are read when the router is made.
   *
   * @example
   * ```ts
   * import { withRouter } from '@kinetin/master';
   *
   * await withRouter(
   *   async (router) => {
   *     const context = router.local();
   *     // ...
   *   },
   *   { bundle: { external: ['better-sqlite3'], deny: ['aws-sdk'], loader: { '.sql': 'text' } } },
   * );
   * ```
   */
  bundle?: BundleOptions | undefined;
}

/** For `checkOptions`. */
export const ROUTER_OPTIONS: OptionTypes<RouterOptions> = {
  onLog: 'function',
  logLevel: 'string',
  maxMessageBytes: 'number',
  maxWindowBytes: 'number',
  maxIdBlocks: 'number',
  npmRegistry: 'string',
  bundle: '',
};

const { FREE_WINDOW_BYTES, ID_BLOCK, MAX_FRAME_PAYLOAD } = limits;

/** The least and the most of each limit. */
const RANGES = {
  // A frame, and thus a log record, always passes.
  maxMessageBytes: [MAX_FRAME_PAYLOAD, 2 ** 31 - 1],
  maxWindowBytes: [FREE_WINDOW_BYTES, 2 ** 26],
  // As many as there are ids.
  maxIdBlocks: [0, Math.floor((2 ** 32 - 2) / ID_BLOCK)],
} as const;

/** Throws a TypeError with the code ERR_INVALID_ARG. Types are checked before. */
export function checkLimits(options: RouterOptions): void {
  for (const [name, [from, to]] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES];
    if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) continue;
    throw invalidArgument(`${name} must be a whole number from ${from} to ${to}, not ${value}`);
  }
}

/** Throws a TypeError with the code ERR_INVALID_ARG. Its type is checked before. */
export function checkRegistry(address: string | undefined): void {
  if (address === undefined || (/^https?:/.test(address) && URL.canParse(address))) return;
  const example = "such as 'https://registry.example.com/npm/'";
  throw invalidArgument(
    `npmRegistry must be an http or https address, ${example}, not ${JSON.stringify(address)}`,
  );
}

/** What the end of a router takes. */
export interface ShutdownOptions extends WaitOptions {
  /**
   * Milliseconds that contexts have to end in order, 0 to 2^31 - 1; then they are ended by force. Of
   * several calls the first one counts.
   * @defaultValue 5000
   */
  grace?: number | undefined;
}

const MAX_GRACE_MS = 2 ** 31 - 1;

/** Throws a TypeError with the code ERR_INVALID_ARG. What all waits take is checked by the wait. */
export function checkShutdown(options: ShutdownOptions): void {
  checkOptions('shutdown', options, { timeout: '', signal: '', grace: 'number' });
  const { grace = 0 } = options;
  if (grace >= 0 && grace <= MAX_GRACE_MS) return;
  throw invalidArgument(`grace must be a number of ms, 0 to ${MAX_GRACE_MS}, not ${grace}`);
}
