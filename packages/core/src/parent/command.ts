/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Command lines of the bootstrap.
 */

import { randomBytes } from 'node:crypto';
import { EXEC_NODE, NODE_STAGE, SHELL_STAGE } from './first-stage.js';

/** What differs from child to child in the command line. */
export interface CommandOptions {
  /** Begins the lines that the stages answer with: see {@link newMarker}. */
  marker: string;
  /** What `ps` shows. */
  title: string;
  coreBytes: number;
  /** Bytes of the core and the CONFIG frame. */
  preambleBytes: number;
  /** Whether a work thread is to start at once. */
  workThread: boolean;
}

/**
 * A marker that no banner contains, and that nobody can guess: a shell without Node carries out the
 * lines that begin with it, whoever has sent them.
 */
export function newMarker(): string {
  return `kinetin-${randomBytes(8).toString('hex')}`;
}

/** The arguments of a Node that reads from and writes to the same file descriptor 3. */
export function nodeArgs(options: CommandOptions): string[] {
  const { title, marker, coreBytes, preambleBytes, workThread } = options;
  const numbers = [coreBytes, preambleBytes, 3].map(String);
  return ['-e', NODE_STAGE, title, marker, ...numbers, ...(workThread ? ['1'] : [])];
}

/**
 * One line for the login shell of an account, whichever that is. `node` is the interpreter to use;
 * without it the first stage looks for the newest.
 */
export function commandLine(options: CommandOptions, node?: string): string {
  const { title, marker, coreBytes, preambleBytes, workThread } = options;
  const stage = node ? `echo "$1 shell"; exec ${quote(node)} ${EXEC_NODE}` : SHELL_STAGE;
  const args = [stage, 'kinetin', marker, NODE_STAGE, title, coreBytes, preambleBytes];
  if (workThread) args.push(1);
  return `exec /bin/sh -c ${args.map((arg) => outerQuote(String(arg))).join(' ')}`;
}

/** Quotes a word for a POSIX shell, inside double quotes. */
function quote(word: string): string {
  return `"${word.replace(/[\\$"`]/g, '\\$&')}"`;
}

/** Quotes a word that the texts of this module are made of for any shell; see first-stage.ts. */
function outerQuote(word: string): string {
  return /^[\w@:.,/=-]+$/.test(word) ? word : `'${word.replace(/['!]|\\$/g, '_')}'`;
}
