/**
 * Pushed: the `local` method, in contexts that start processes on their own host; master has it too.
 */

import type { Duplex, Readable } from 'node:stream';
import type { OpenPipe } from '../attempt.js';
import { openSubprocess } from './subprocess.js';

export interface LocalTarget {
  /** The interpreter and what precedes it, as in `['nice', 'node']`; without it, that of the parent. */
  command?: string[] | undefined;
}

/** Starts a process on the host of the context that runs this. */
export const openLocal: OpenPipe<LocalTarget> = (target, attempt) => {
  attempt.enter('shell');
  return openSubprocess(
    [...(target.command || [process.execPath]), ...attempt.nodeArgs],
    ['ignore', 'pipe', 'pipe', 'pipe'],
    ({ stdio, stdout, stderr }) => {
      attempt.enter('node');
      const socket = stdio[3] as Duplex;
      return {
        input: socket,
        output: socket,
        diagnostics: [stdout as Readable, stderr as Readable],
      };
    },
  );
};
