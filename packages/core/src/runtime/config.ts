/**
 * Pushed: part of the core, in every context.
 *
 * What a child is told about itself, in its CONFIG message. The parent resolves it; the child trusts
 * it. Its context id is the destination of the message, its parent the source.
 */

/**
 * Where user code runs. `eager`: in a work thread that starts with the context; `lazy`: in one that
 * starts with the first call; `none`: on the main thread, where code that blocks stops everything.
 */
export type WorkThreadMode = 'eager' | 'lazy' | 'none';

/** Has the names that {@link RouterOptions} has. */
export interface Config {
  /** Ids of the contexts above, the nearest first, the master's last. */
  parentIds: number[];
  name: string;
  /** Log records below this level are not sent. */
  logLevel: number;
  maxMessageBytes: number;
  /** Left out where it is MAX_WINDOW_BYTES. */
  maxWindowBytes?: number | undefined;
  /** Milliseconds without a byte from the parent after which it counts as lost; 0: it never does. */
  silenceMs: number;
  workThread: WorkThreadMode;
  /** How many work threads, where there are several. */
  workThreads?: number | undefined;
  /** The hash of the `thread` bundle. */
  threadModule: Uint8Array;
  /** Whether this context, and all below it, may talk only to what is above and below them. */
  unidirectional?: boolean;
}

/** The hash of the `thread` bundle, as modules are named. */
export const threadModuleOf = ({ threadModule }: Config): string =>
  Buffer.from(threadModule).toString('hex');

/** What the first stage hands to the core in the main thread. */
export type MainBoot = [
  input: import('net').Socket,
  /** May be the same as `input`. */
  output: import('net').Socket,
  /** The line that this child answers with begins with this. */
  marker: string,
  /** The core as text, for the work thread. */
  core: string,
  /** The core as it came, compressed: for children of this child. */
  pushedCore: Buffer,
  /** What has been read after the core: begins with the whole CONFIG frame. */
  leftover: Buffer,
  /** A thread that waits for a {@link ThreadBoot}: the one that was started first of all, or a new one. */
  startWorker: () => import('worker_threads').Worker,
];

/** What the main thread hands to the core in the work thread. */
export interface ThreadBoot {
  core: string;
  /** The `thread` bundle, as text. */
  bundle: string;
  config: Config;
  id: number;
  /** Number of the thread in its context, from 1. */
  thread: number;
}
