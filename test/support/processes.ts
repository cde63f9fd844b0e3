/** Processes of this machine, by /proc. */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether a process lives; one that has ended and was not collected yet does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

/** The command line as `ps` shows it. */
export function commandLineOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
}

/**
 * Processes of this machine whose command line contains `text`, which must be this test's alone: others
 * may run the same tests beside it.
 */
export function processesWith(text: string): number[] {
  return allProcesses().filter((pid) => {
    try {
      return pid !== process.pid && isAlive(pid) && commandLineOf(pid).includes(text);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

/** Those that were started by this process, or by one that it has started, and have not been orphaned. */
export function descendantsWith(text: string): number[] {
  const parents = new Map(allProcesses().map((pid) => [pid, parentOf(pid)]));
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === process.pid || isOurs(parents.get(pid)));
  return processesWith(text).filter((pid) => isOurs(pid));
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function parentOf(pid: number): number | undefined {
  try {
    // The command's name, in parentheses, may hold anything; then come state and parent.
    return Number(/.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

/** For `sleep`: a time that outlasts any test, and that no other process of this machine sleeps. */
export const uniqueSeconds = (): string => `1000.${process.pid}${process.hrtime.bigint()}`;

/**
 * Resolves when `condition` holds; rejects, with what was waited for, when it does not in time: after so
 * long it never will, on a slow machine with much to do either.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(10);
  }
}

/** Ends a process that may have ended between the listing and now. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid);
  } catch {
    // It ended between the listing and now.
  }
}
