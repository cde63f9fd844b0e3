/**
 * Pushed: the entry of the `inspect` bundle, which a context gets when somebody asks why a call in it
 * is pending. Its export is called through CALL_MAIN.
 */

import type { Child } from '../runtime/child.js';
import type { Seat, WorkThread } from '../runtime/thread.js';
import type { CallsReport, ThreadState } from './report.js';
import { stackOf } from './stack.js';

/** How long the thread is watched. */
const SAMPLE_MS = 50;

/** Above this share of the time the thread has done nothing but run. */
const BLOCKED = 0.95;
const BUSY = 0.1;

/** The calls of this context that are owed an answer, and what its work threads do: one report each. */
export async function inspectCalls({ thread }: Child): Promise<CallsReport[]> {
  if (!thread) return [{ thread: 'none', stack: [], calls: [] }];
  return Promise.all((thread.options.threads || [thread]).map(inspectThread));
}

async function inspectThread({ current, held }: WorkThread): Promise<CallsReport> {
  const state = await watch(current);
  const isRunning = state === 'blocked' || state === 'busy';
  const stack = isRunning && current?.worker ? await stackOf(current.worker.threadId) : [];
  return { thread: state, stack, calls: [...callsOf(current, false), ...callsOf(held, true)] };
}

function callsOf(seat: Seat | undefined, isHeld: boolean): CallsReport['calls'] {
  const calls: CallsReport['calls'] = [];
  if (seat) {
    seat.calls.forEach((handles, source) => {
      handles.forEach((handle) => {
        calls.push([source, handle, isHeld]);
      });
    });
  }
  return calls;
}

/** What Node 13, and 14 before 14.17, lack says nothing: the thread counts as idle there. */
async function watch(seat: Seat | undefined): Promise<ThreadState> {
  if (!seat?.worker) return 'absent';
  const { performance } = seat.worker as unknown as {
    performance?: { eventLoopUtilization(since?: object): { utilization: number } };
  };
  if (!performance) return 'idle';
  const before = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  const { utilization } = performance.eventLoopUtilization(before);
  return utilization > BLOCKED ? 'blocked' : utilization > BUSY ? 'busy' : 'idle';
}
