/**
 * Why calls are pending: what is known here, and what the contexts say that run them.
 */

import {
  type CallsReport,
  type CallTarget,
  type Context,
  type Router as CoreRouter,
  handles,
  type ModuleStore,
  pendingRequests,
  printable,
  type WaitOptions,
  wait,
} from '@kinetin/core';

import { pushedModule } from './pushed.js';

/** Why a call is pending, in one word. */
export type PendingState =
  /** Its context is being started. */
  | 'connecting'
  /** Its context does not answer. */
  | 'unreachable'
  /** Its arguments have not all arrived, or its answer has not. */
  | 'under way'
  /** It waits until an earlier call, which was given up, has ended. */
  | 'held'
  /** Its function has started, and waits for something. */
  | 'waiting'
  /** Its thread runs, and does nothing else: this function, or another one before it. */
  | 'blocked';

/** A call that has no answer yet. */
export interface PendingCallReport {
  /** Name of the context, as in `bastion.web1`. */
  readonly context: string;
  /** What was called, as in `os.hostname` or `tasks.ts#diskUsage`. */
  readonly function: string;
  /** Milliseconds since it was sent. */
  readonly pendingMs: number;
  readonly state: PendingState;
  /** The state in a sentence, for people. */
  readonly why: string;
  /** Where the thread is, in source lines of the user, where that runs; undefined otherwise. */
  readonly stack: string | undefined;
}

/** What is asked of the router. */
export interface PendingHost {
  readonly core: CoreRouter;
  readonly modules: ModuleStore;
  context(id: number): Context | undefined;
  /** A stack of a context, for people here. */
  remoteStack(stack: string): string;
}

/** What a context says of its calls, a report for each thread; or why it says nothing. */
type ContextReport = CallsReport[] | 'connecting' | 'unreachable';

const WHY: Readonly<Record<PendingState, string>> = {
  connecting: 'its context is being started',
  unreachable: 'its context does not answer: the network, its host or a hop is down or busy',
  'under way': 'its arguments have not all arrived there, or its answer has not arrived here',
  held: 'it waits until a call before it has ended that was given up',
  waiting: 'its function has started and waits for something: a timer, a file, a promise',
  blocked: 'its thread runs code that does not stop, its own or that of another call',
};

/** Reports on all calls to contexts that have no answer yet, the oldest first. */
export async function pendingCalls(
  host: PendingHost,
  options: WaitOptions,
): Promise<PendingCallReport[]> {
  const now = Date.now();
  const calls = pendingRequests(host.core).filter(({ about }) => about !== undefined);
  const ids = [...new Set(calls.map(({ destination }) => destination))];
  const reports = new Map<number, Promise<ContextReport>>(
    ids.map((id) => [id, inspect(host, id, options)]),
  );
  options.signal?.throwIfAborted();
  const described = calls.map(async ({ destination, replyHandle, about, since }) => {
    const report = (await reports.get(destination)) ?? 'unreachable';
    const [state, lines] = stateOf(report, host.core.id, replyHandle);
    const stack = lines.join('\n');
    return {
      context: host.context(destination)?.name ?? `context ${destination}`,
      function: printable(nameOf(about)),
      pendingMs: now - since,
      state,
      why: WHY[state],
      stack: state === 'blocked' && stack ? host.remoteStack(stack) : undefined,
    };
  });
  return (await Promise.all(described)).sort((a, b) => b.pendingMs - a.pendingMs);
}

function nameOf(about: unknown): string {
  const { text, module, path } = about as CallTarget & { text?: { name: string } };
  if (text) return text.name;
  return path ? [...(module ? [module] : []), ...path].join('.') : String(about);
}

/** The state of a call, and where its thread is. */
function stateOf(
  report: ContextReport,
  source: number,
  replyHandle: number,
): [PendingState, string[]] {
  if (typeof report === 'string') return [report, []];
  for (const { thread, stack, calls } of report) {
    const call = calls.find(([from, handle]) => from === source && handle === replyHandle);
    if (call?.[2]) return ['held', []];
    if (call) return thread === 'blocked' ? ['blocked', stack] : ['waiting', []];
  }
  return [report.some(({ thread }) => thread === 'none') ? 'waiting' : 'under way', []];
}

/** Asks a context for its calls. Never rejects. */
async function inspect(
  { core, modules, context }: PendingHost,
  id: number,
  options: WaitOptions,
): Promise<ContextReport> {
  if (context(id)?.pid === undefined) return 'connecting';
  const { hash, packed } = pushedModule('inspect');
  modules.add(hash, packed);
  modules.push(hash, id);
  const body = core.encode([Buffer.from(hash, 'hex'), ['inspectCalls'], []]);
  let replyHandle = 0;
  try {
    return await wait<CallsReport[]>(
      options,
      'asking for the calls of a context',
      (resolve, reject) => {
        const answer = core.request(id, handles.CALL_MAIN, body, (handle) => {
          replyHandle = handle;
        });
        answer.then(sane).then(resolve, reject);
      },
      () => core.unlisten(replyHandle),
    );
  } catch {
    // Whatever the reason: that is what is told of the calls.
    return 'unreachable';
  }
}

/** What a context says may be anything. */
function sane(reports: unknown): CallsReport[] {
  return (reports as CallsReport[]).map(({ thread, stack, calls }) => ({
    thread,
    stack: Array.isArray(stack) ? stack.filter((line) => typeof line === 'string') : [],
    calls: Array.isArray(calls) ? calls.filter(Array.isArray) : [],
  }));
}
