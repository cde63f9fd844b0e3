/**
 * Pushed: the `docker` method, in contexts that reach containers; master has it too.
 */

import type { Readable, Writable } from 'node:stream';
import type { OpenPipe } from '../attempt.js';
import { openSubprocess } from './subprocess.js';

export interface DockerTarget {
  /** What runs a command in the container, as in `['docker', 'exec', '-i', 'web']`: it follows. */
  command: string[];
}

/**
 * Starts a process in a container that runs, which needs no more than `/bin/sh`. Without a terminal: the
 * stream has to arrive as it was sent. Ending the client leaves the process in the container alone; that
 * ends by itself with its standard input, which the daemon closes then.
 */
export const openDocker: OpenPipe<DockerTarget> = (target, attempt) => {
  attempt.enter('shell');
  return openSubprocess(
    [...target.command, '/bin/sh', '-c', attempt.commandLine],
    ['pipe', 'pipe', 'pipe'],
    ({ stdin, stdout, stderr }) => ({
      input: stdin as Writable,
      output: stdout as Readable,
      diagnostics: [stderr as Readable],
    }),
  );
};
