/**
 * Pushed: part of the methods that start a process on the host of the context that connects; master
 * has it too.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { ConnectError, type ExitStatus, type Pipe } from '../attempt.js';

/** How long the output of a process that has ended may be held open by others. */
const OUTPUT_GRACE_MS = 500;

/**
 * Starts `command`, a program and its arguments. It leads a process group of its own, which ends with
 * the pipe, and which signals of the terminal do not reach. `stdio` is for `spawn`; `pick` says which of
 * the streams are for what, as soon as the process runs.
 *
 * Rejects with a {@link ConnectError} ERR_SPAWN where the program cannot be started.
 */
export function openSubprocess(
  [file, ...args]: readonly string[],
  stdio: ('ignore' | 'pipe')[],
  pick: (child: ChildProcess) => Pick<Pipe, 'input' | 'output' | 'diagnostics'>,
): Promise<Pipe> {
  const child = spawn(file as string, args, { detached: true, stdio });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      reject(new ConnectError('ERR_SPAWN', `could not start ${file}: ${error.message}`));
    });
    const { pid } = child;
    if (pid === undefined) return;
    const streams = pick(child);
    resolve({
      ...streams,
      pid,
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
        streams.input.destroy();
        streams.output.destroy();
        endGroup(pid);
      },
    });
  });
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
}
