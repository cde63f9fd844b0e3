/**
 * Memory of a child that waits: PSS, its share of what it has in common with others, of ten alike.
 * One that only routes, one that has called a function in its work thread, and a bare Node.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Router, WorkThreadMode } from '@kinetin/master';
import type { Subject } from '../support/bench.js';
import { median } from '../support/measure.js';

const ALIKE = 10;
/** How long a process needs until it rests. */
const REST_MS = 1000;
const BARE = 'process.stdin.resume(); console.log()';
const UNIT = 'MB';

export const memory: Subject = {
  rows: ['idle-memory-routing', 'idle-memory-work-thread'],
  async run({ router, skip }) {
    if (!existsSync('/proc/self/smaps_rollup')) {
      skip('idle-memory', 'this system has no /proc/PID/smaps_rollup');
      return [];
    }
    const bare = await ofBareNodes();
    const row = { unit: UNIT, yardstick: 'bare node', yardstickValue: bare, isGoalOfValue: true };
    return [
      {
        ...row,
        name: 'idle-memory-routing',
        value: await ofContexts(router, 'lazy'),
        goal: { atMost: 12 },
      },
      {
        ...row,
        name: 'idle-memory-work-thread',
        value: await ofContexts(router, 'eager'),
        goal: { atMost: 19 },
      },
    ];
  },
};

async function ofBareNodes(): Promise<number> {
  const children = Array.from({ length: ALIKE }, () =>
    spawn(process.execPath, ['-e', BARE], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const result = await restingMegabytes(children.map(({ pid }) => pid!));
  const ended = children.map((child) => once(child, 'exit'));
  for (const child of children) child.stdin.end();
  await Promise.all(ended);
  return result;
}

async function ofContexts(router: Router, workThread: WorkThreadMode): Promise<number> {
  const starting = Array.from({ length: ALIKE }, () => router.local({ workThread }));
  const contexts: Context[] = await Promise.all(starting);
  if (workThread === 'eager') {
    await Promise.all(contexts.map((context) => context.call(process.cwd)));
  }
  const result = await restingMegabytes(contexts.map(({ pid }) => pid!));
  await Promise.all(contexts.map((context) => context.shutdown()));
  return result;
}

async function restingMegabytes(pids: readonly number[]): Promise<number> {
  await sleep(REST_MS);
  return median(
    pids.map((pid) => {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)![1]) / 1024;
    }),
  );
}
