/**
 * Options of contexts: defaults and checks in one place, for the master and for contexts that start
 * others.
 */

import { hostname, userInfo } from 'node:os';
import type { StageTimeouts } from '../parent/progress.js';
import type { WorkThreadMode } from '../runtime/config.js';
import type { Context } from './context.js';
import { invalidArgument } from './invalid-argument.js';
import type { PendingContext } from './pending-context.js';

/** What all connection methods take. */
export interface ContextOptions {
  /**
   * Its name in the tree, below that of `via`.
   * @defaultValue what the method says, as in `web1`
   */
  name?: string | undefined;
  /** The context that starts it; without it, this process does. It may still be connecting. */
  via?: Context | PendingContext | undefined;
  /**
   * The interpreter on the target.
   * @defaultValue the newest Node, 12.22 or later, in PATH and the usual places; for `local`, the
   * one that runs the parent
   */
  node?: string | undefined;
  /**
   * What `ps` shows there; slashes become `_`.
   * @defaultValue `kinetin:<user>@<host>:<pid>` of this process
   */
  title?: string | undefined;
  /**
   * Where called functions run. `eager`: in a work thread that starts with the context. `lazy`: in
   * one that starts with the first call, which saves 7 MB in contexts that mostly route. `none`: on
   * the main thread, which saves that and half the time of a call; but then a function that blocks
   * stops routing to the contexts below, shutdown, and the end with the parent.
   * @defaultValue 'eager'
   */
  workThread?: WorkThreadMode | undefined;
  /**
   * Milliseconds from the start to the ready child.
   * @defaultValue 30000
   */
  connectTimeout?: number | undefined;
  /**
   * Milliseconds for single stages.
   * @defaultValue resolve, shell, node and bootstrap 15000; tcp and host key 15000; auth 25000
   */
  stageTimeouts?: StageTimeouts | undefined;
  /**
   * How a context is noticed to be gone although its connection says nothing, in milliseconds: it is
   * given up after `countMax` pings in a row, `intervalMs` apart, without a byte back; it gives up its
   * parent, and ends with all below it, after `silenceMs` without a byte. `false`: neither.
   * @defaultValue `{ intervalMs: 15000, countMax: 3, silenceMs: 120000 }`; `false` with `workThread:
   * 'none'`, where code that blocks answers no ping
   */
  heartbeat?: Partial<Heartbeat> | false | undefined;
  /**
   * Whether this context, and all that it starts, may talk only to the contexts above and below it.
   * Others get a dead letter with the code ERR_REFUSED, which names both ends.
   * @defaultValue false; true below a context that has it
   */
  unidirectional?: boolean | undefined;
  /** Gives up the attempt; has no effect once the context is connected. */
  signal?: AbortSignal | undefined;
}

/** See {@link ContextOptions.heartbeat}. Milliseconds. */
export interface Heartbeat {
  intervalMs: number;
  countMax: number;
  silenceMs: number;
}

const HEARTBEAT: Heartbeat = { intervalMs: 15000, countMax: 3, silenceMs: 120000 };
const NO_HEARTBEAT: Heartbeat = { intervalMs: 0, countMax: 0, silenceMs: 0 };

const DEFAULT_CONNECT_TIMEOUT_MS = 30000;

const STAGE_TIMEOUTS_MS: StageTimeouts = {
  resolve: 15000,
  tcp: 15000,
  'host key': 15000,
  auth: 25000,
  shell: 15000,
  node: 15000,
  bootstrap: 15000,
};

/** Starts a context on the host of `via`, or on this one. */
export interface LocalContextOptions extends ContextOptions {}

/** A {@link ContextOptions} with the defaults filled in. */
export interface ResolvedContextOptions {
  title: string;
  node: string | undefined;
  workThread: WorkThreadMode;
  timeoutMs: number;
  stageTimeoutsMs: StageTimeouts;
  heartbeat: Heartbeat;
  unidirectional: boolean;
}

/** Throws a TypeError with the code ERR_INVALID_ARG. */
export function resolveContextOptions(options: ContextOptions): ResolvedContextOptions {
  const {
    workThread = 'eager',
    connectTimeout = DEFAULT_CONNECT_TIMEOUT_MS,
    title,
    node,
  } = options;
  if (!['eager', 'lazy', 'none'].includes(workThread)) {
    throw invalidArgument(
      `workThread must be 'eager', 'lazy' or 'none', not ${JSON.stringify(workThread)}`,
    );
  }
  if (!(connectTimeout > 0)) {
    throw invalidArgument(`connectTimeout must be a number of ms above 0, not ${connectTimeout}`);
  }
  return {
    title: (title ?? defaultTitle()).replace(/^-|[^\w@:.=+-]/g, '_'),
    node,
    workThread,
    timeoutMs: connectTimeout,
    stageTimeoutsMs: { ...STAGE_TIMEOUTS_MS, ...options.stageTimeouts },
    heartbeat: resolveHeartbeat(options.heartbeat ?? (workThread === 'none' ? false : {})),
    unidirectional: options.unidirectional === true,
  };
}

function resolveHeartbeat(heartbeat: Partial<Heartbeat> | false): Heartbeat {
  if (heartbeat === false) return NO_HEARTBEAT;
  const resolved = { ...HEARTBEAT, ...heartbeat };
  // Without pings a child hears nothing from a parent that has nothing to say.
  if (resolved.intervalMs === 0) return NO_HEARTBEAT;
  for (const [name, value] of Object.entries(resolved)) {
    if (!(value >= 0 && value < 2 ** 31)) {
      throw invalidArgument(`heartbeat.${name} must be a number from 0 to 2^31, not ${value}`);
    }
  }
  return resolved;
}

function defaultTitle(): string {
  return `kinetin:${userInfo().username}@${hostname()}:${process.pid}`;
}
