/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * The contract between one attempt to start a child (`connection.ts`) and a connection method
 * (`methods/*.ts`): the method opens a byte pipe to a process that runs the bootstrap command, and
 * reports the stages on the way; the attempt keeps the deadlines, the output and the errors.
 */

import type { Readable, Writable } from 'node:stream';
import { KinetinError } from '../errors.js';

/**
 * How far an attempt has come, in this order. A stage is entered when the work on it begins, so an
 * error that names a stage says what could not be done.
 */
export type Stage =
  | 'resolve'
  | 'tcp'
  | 'host key'
  | 'auth'
  | 'shell'
  | 'node'
  | 'runtime'
  | 'bootstrap'
  | 'ready';

/** How a process ended: one of the two is set; neither where the other side did not say. */
export interface ExitStatus {
  code?: number;
  signal?: string;
}

/** A process on the other side that runs the bootstrap, as bytes. */
export interface Pipe {
  /** To the child. The attempt owns it and ends it. */
  input: Writable;
  /** From the child; nothing has read from it yet. May be the same object as `input`. */
  output: Readable;
  /** What the child and its subprocesses print, apart from `output`. */
  diagnostics: Readable[];
  /** Resolves once when the process has ended and its output has been read; never rejects. */
  exit: Promise<ExitStatus>;
  /** Ends the process, or the connection that it depends on, at once. Idempotent. */
  destroy(): void;
  /** Of a process on this host. */
  pid?: number;
  /** What the caller wants to know of the opened connection, as plain values (a new host key). */
  facts?: Record<string, unknown>;
}

/** What a method is given. */
export interface Attempt {
  /** The bootstrap command for a shell that may be POSIX, fish or csh: it quotes all it needs. */
  readonly commandLine: string;
  /** The first stage's program and its arguments, to be appended to `[node, '-e']`. */
  readonly nodeArgs: readonly string[];
  /** Says that the work on a stage begins; its own deadline runs from now. */
  enter(stage: Stage): void;
  /** Adds text to the output of which a ConnectError shows the last 100 lines. */
  note(text: string): void;
  /**
   * Registers what to do when the attempt ends before `open` has resolved (deadline, abort,
   * shutdown). Called at most once; at once where the attempt has ended already.
   */
  onCancel(callback: () => void): void;
  /** A library that does not belong to the core: pushed to a child on demand. */
  vendor(name: 'ssh2'): Promise<unknown>;
}

/**
 * A connection method: opens a pipe to a process that runs the attempt's command. Rejects with a
 * {@link ConnectError} where it knows what went wrong, with any other error where it does not.
 */
export type OpenPipe<Options> = (options: Options, attempt: Attempt) => Promise<Pipe>;

/** A child could not be started. */
export class ConnectError extends KinetinError {
  /** The stage that could not be finished. */
  declare stage: Stage;
  /** The last lines (at most 100) that the other side printed. */
  declare output: string[];
  /** How the process ended, where it did and where that is known. */
  declare exit: ExitStatus | undefined;
  /** The name of the context that could not be started. */
  declare context: string | undefined;

  constructor(code: string, message: string, details?: object) {
    super('ConnectError', code, message, details);
  }
}

/** An error of an attempt that was made in another context, as it arrived. */
export function toConnectError(error: Error): ConnectError {
  const { code, stage, output, exit, cause } = error as ConnectError;
  const details = { stage, output: output || [], exit, ...(cause === undefined ? {} : { cause }) };
  return new ConnectError(code || 'ERR_CONNECT', error.message, details);
}
