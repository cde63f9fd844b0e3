/**
 * Options of contexts: defaults and checks in one place, for the master and for contexts that start
 * others.
 */

import { hostname, userInfo } from 'node:os';
import { checkOptions, invalidArgument, type OptionTypes } from '../arguments.js';
import type { Stage } from '../parent/attempt.js';
import type { DockerTarget } from '../parent/methods/docker.js';
import type { StageTimeouts } from '../parent/progress.js';
import type { WorkThreadMode } from '../runtime/config.js';
import type { SshOptions } from '../ssh-options/options.js';
import { MAX_WORK_THREADS } from '../wire/limits.js';
import { Context } from './context.js';
import { PendingContext } from './pending-context.js';

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
   * What to do where the target has no usable Node: `push` sends it one, about 45 MB, which stays
   * there for the next time; `never` fails with ERR_NO_NODE or ERR_NODE_TOO_OLD. Has no effect with
   * `node`, and for `local`.
   * @defaultValue 'push'
   */
  runtime?: 'push' | 'never' | undefined;
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
   * How many work threads the context has: so many functions can run there at the same time. A call
   * goes to the thread that has the fewest unanswered ones; the calls of a chain to one thread. With
   * `workThread: 'lazy'` a further thread starts when all that run are busy. Each takes about 7 MB, and
   * has variables of modules of its own. 1 to 15; not with `workThread: 'none'`.
   * @defaultValue 1
   */
  workThreads?: number | undefined;
  /**
   * Milliseconds from the start to the ready child. Sending a runtime does not count; they begin anew
   * behind it.
   * @defaultValue 30000
   */
  connectTimeout?: number | undefined;
  /**
   * Milliseconds for single stages; for `runtime`, those in which nothing moves.
   * @defaultValue resolve, shell, node and bootstrap 15000; tcp and host key 15000; auth 25000;
   * runtime 30000
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
  /**
   * Whether this context, and all that it starts, act with the authority of the context that starts it:
   * they may run code in, start and end the other children of that one and all below them; in that one
   * itself, too, unless it is the master, where no functions are called; and services and receivers, also
   * those of the master, take them for one above. So trust all of them as you trust that one. In this
   * context, and below it, those that it starts get no more rights than otherwise. With `unidirectional` they
   * still reach only that one and those above it. For a context that directs its siblings.
   * @defaultValue false
   */
  lendAuthority?: boolean | undefined;
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
  runtime: 30000,
  bootstrap: 15000,
};

/** Starts a context on the host of `via`, or on this one. */
export interface LocalContextOptions extends ContextOptions {}

/**
 * Starts a context in a container that runs, on the host of `via` or on this one. Nothing needs to be in
 * the container but `/bin/sh` and what every context needs.
 */
export interface DockerContextOptions extends ContextOptions {
  /** Name or id of the container. */
  container: string;
  /**
   * Who the context runs as there: what `docker exec --user` takes, as in `app` or `1000:1000`.
   * @defaultValue what the container says
   */
  user?: string | undefined;
  /**
   * The client, with arguments of its own where it is a list, as in `['sudo', '-n', 'docker']`. Any
   * program that has an `exec` like Docker's will do. It runs without a terminal: it can ask nothing.
   * @defaultValue 'docker'
   */
  docker?: string | readonly string[] | undefined;
  /**
   * The daemon: what `docker --host` takes, as in `unix:///run/docker.sock`.
   * @defaultValue what the client says: the variable DOCKER_HOST, its context, or the local daemon
   */
  host?: string | undefined;
}

/** Starts a context on an SSH host: the options of the connection and those of all methods. */
export interface SshContextOptions extends ContextOptions, SshOptions {}

/** For {@link checkOptions}; a method adds its own. */
export const CONTEXT_OPTIONS: OptionTypes<ContextOptions> = {
  name: 'string',
  via: 'object',
  node: 'string',
  runtime: 'string',
  title: 'string',
  workThread: 'string',
  workThreads: 'number',
  connectTimeout: 'number',
  stageTimeouts: 'object',
  heartbeat: '',
  unidirectional: 'boolean',
  lendAuthority: 'boolean',
  signal: 'object',
};

/** For {@link checkOptions}. */
export const DOCKER_OPTIONS: OptionTypes<DockerContextOptions> = {
  ...CONTEXT_OPTIONS,
  container: '',
  user: 'string',
  docker: '',
  host: 'string',
};

/** A {@link ContextOptions} with the defaults filled in. */
export interface ResolvedContextOptions {
  title: string;
  node: string | undefined;
  runtime: 'push' | 'never';
  workThread: WorkThreadMode;
  /** Undefined where there is one, or none. */
  workThreads: number | undefined;
  timeoutMs: number;
  stageTimeoutsMs: StageTimeouts;
  heartbeat: Heartbeat;
  unidirectional: boolean;
  lendAuthority: boolean;
}

/** Throws a TypeError with the code ERR_INVALID_ARG. Names and types of options are checked before. */
export function resolveContextOptions(options: ContextOptions): ResolvedContextOptions {
  const {
    workThread = 'eager',
    connectTimeout = DEFAULT_CONNECT_TIMEOUT_MS,
    title,
    node,
    runtime = 'push',
  } = options;
  if (!['eager', 'lazy', 'none'].includes(workThread)) {
    throw invalidArgument(
      `workThread must be 'eager', 'lazy' or 'none', not ${JSON.stringify(workThread)}`,
    );
  }
  if (!['push', 'never'].includes(runtime)) {
    throw invalidArgument(`runtime must be 'push' or 'never', not ${JSON.stringify(runtime)}`);
  }
  if (!(connectTimeout > 0)) {
    throw invalidArgument(`connectTimeout must be a number of ms above 0, not ${connectTimeout}`);
  }
  const { via } = options;
  if (via && !(via instanceof Context || via instanceof PendingContext)) {
    throw invalidArgument('via must be a context, as router.local() and its like return it');
  }
  return {
    title: (title ?? defaultTitle()).replace(/^-|[^\w@:.=+-]/g, '_'),
    node,
    runtime,
    workThread,
    workThreads: resolveWorkThreads(options),
    timeoutMs: connectTimeout,
    stageTimeoutsMs: resolveStageTimeouts(options.stageTimeouts ?? {}),
    heartbeat: resolveHeartbeat(options.heartbeat ?? (workThread === 'none' ? false : {})),
    unidirectional: options.unidirectional === true,
    lendAuthority: options.lendAuthority === true,
  };
}

function resolveWorkThreads({ workThread, workThreads }: ContextOptions): number | undefined {
  if (workThreads === undefined) return undefined;
  if (!(Number.isInteger(workThreads) && workThreads > 0 && workThreads <= MAX_WORK_THREADS)) {
    throw invalidArgument(
      `workThreads must be an integer from 1 to ${MAX_WORK_THREADS}, not ${String(workThreads)}`,
    );
  }
  if (workThread === 'none') {
    throw invalidArgument("workThreads makes no sense with workThread: 'none'; leave one out");
  }
  return workThreads > 1 ? workThreads : undefined;
}

/** Throws a TypeError with the code ERR_INVALID_ARG. */
export function dockerTarget(options: DockerContextOptions): DockerTarget {
  checkOptions('router.docker', options, DOCKER_OPTIONS);
  const { container, user, docker = 'docker', host } = options;
  // One that begins with '-' would be taken for an option.
  if (typeof container !== 'string' || !/^[^-]/.test(container)) {
    throw invalidArgument(
      `container must be a name or id of a container, not ${JSON.stringify(container)}`,
    );
  }
  const command = ([] as string[]).concat(docker);
  if (!command.length || !command.every((part) => part && typeof part === 'string')) {
    throw invalidArgument('docker must be the name of the client, or a list that begins with it');
  }
  if (host) command.push(`--host=${host}`);
  command.push('exec', '-i');
  if (user) command.push(`--user=${user}`);
  return { command: [...command, container] };
}

function resolveStageTimeouts(stageTimeouts: StageTimeouts): StageTimeouts {
  const all = { ...STAGE_TIMEOUTS_MS, ready: 0 } as Required<StageTimeouts>;
  checkOptions('stageTimeouts', stageTimeouts, numbers(all));
  const resolved = { ...STAGE_TIMEOUTS_MS };
  for (const [stage, timeout] of Object.entries(stageTimeouts) as [Stage, number | undefined][]) {
    if (timeout === undefined) continue;
    if (!(timeout >= 0)) {
      throw invalidArgument(`stageTimeouts.${stage} must be a number of ms, not ${timeout}`);
    }
    resolved[stage] = timeout;
  }
  return resolved;
}

/** All options of which there are `defaults` are numbers. */
function numbers<Options>(defaults: Required<Options>): OptionTypes<Options> {
  const names = Object.keys(defaults as object);
  return Object.fromEntries(names.map((name) => [name, 'number'])) as never;
}

function resolveHeartbeat(heartbeat: Partial<Heartbeat> | false): Heartbeat {
  if (heartbeat === false) return NO_HEARTBEAT;
  checkOptions('heartbeat', heartbeat, numbers(HEARTBEAT));
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
  return `kinetin:${userName()}@${hostname()}:${process.pid}`;
}

/** In a container the account may have no name, which Node takes for an error. */
function userName(): string | number {
  try {
    return userInfo().username;
  } catch {
    return process.getuid?.() ?? '';
  }
}
