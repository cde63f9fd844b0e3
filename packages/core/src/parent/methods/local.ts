/**
 * Pushed: the `local` method, in contexts that start processes on their own host; master has it too.
 */

import { spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { ConnectError, type ExitStatus, type OpenPipe, type Pipe } from '../attempt.js';

export interface LocalTarget {
  /** The interpreter and what precedes it, as in `['nice', 'node']`; without it, that of the parent. */
  command?: string[] | undefined;
}

/** How long the output of a process that has ended may be held open by others. */
const OUTPUT_GRACE_MS = 500;

/**
 * Starts a process on the host of the context that runs this. It leads a process group of its own,
 * which ends with it, and which signals of the terminal do not reach.
 */
export const openLocal: OpenPipe<LocalTarget> = (target, attempt) => {
  attempt.enter('shell');
  const [file, ...prefix] = target.command || [process.execPath];
  const child = spawn(file as string, [...prefix, ...attempt.nodeArgs], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      reject(new ConnectError('ERR_SPAWN', `could not start ${file}: ${error.message}`));
    });
    if (child.pid === undefined) return;
    const socket = child.stdio[3] as Duplex;
    const pipe: Pipe = {
      input: socket,
      output: socket,
      diagnostics: [child.stdout as Readable, child.stderr as Readable],
      pid: child.pid,
      exit: new Promise((ended) => {
        child.on('exit', (code, signal) => {
          const status: ExitStatus = signal ? { signal } : { code: code as number };
          const timer = setTimeout(() => ended(status), OUTPUT_GRACE_MS);
          child.on('close', () => {
            clearTimeout(timer);
            ended(status);
          });
        });
      }),
      destroy: () => {
        socket.destroy();
        endGroup(child.pid as number);
      },
    };
    attempt.enter('node');
    resolve(pipe);
  });
};

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
}
