/**
 * Starts contexts: from this process, or by way of another context that does the connecting.
 */

import {
  announceRoute,
  type Broker,
  type Config,
  type Context,
  type Router as CoreRouter,
  DeadLetterError,
  handles,
  type ModuleStore,
  printable,
  type ResolvedContextOptions,
  untilAborted,
} from '@kinetin/core';
import {
  ConnectError,
  type Connected,
  type ConnectRequest,
  connectChild,
  type GetRuntime,
  type HopRequest,
  loadRuntime,
  type OpenPipe,
  openDocker,
  openLocal,
  openSsh,
  toConnectError,
} from '@kinetin/core/parent';
import { type PushedName, pushedModule } from './pushed.js';
import type { RuntimesForHops } from './runtime/to-hops.js';

export type MethodName = 'local' | 'docker' | 'ssh';

interface Method {
  /** The name of its export. */
  readonly open: string;
  // biome-ignore lint/suspicious/noExplicitAny: each method has a target type of its own
  readonly here: OpenPipe<any>;
  /** Libraries that it asks for. */
  readonly vendor: readonly PushedName[];
}

const METHODS: Readonly<Record<MethodName, Method>> = {
  local: { open: 'openLocal', here: openLocal, vendor: [] },
  docker: { open: 'openDocker', here: openDocker, vendor: [] },
  ssh: { open: 'openSsh', here: openSsh, vendor: ['ssh2'] },
};

/** What starting contexts needs of the router. */
export interface ConnectHost {
  readonly core: CoreRouter;
  readonly broker: Broker;
  readonly modules: ModuleStore;
  readonly logLevel: number;
  readonly maxWindowBytes: number | undefined;
  log(level: number, text: string, id?: number): void;
  readonly getRuntime: GetRuntime;
  readonly runtimes: RuntimesForHops;
}

/** What to start. */
export interface Start {
  readonly id: number;
  readonly name: string;
  readonly method: MethodName;
  readonly options: ResolvedContextOptions;
  /** Rejects when the attempt is to be given up. */
  readonly signal: AbortSignal;
}

/**
 * Makes a way for what is sent to context `id` before it is connected: it waits in its stream here,
 * or in `via`, and the hops on the way know the route.
 */
export function expectContext(core: CoreRouter, via: Context | undefined, id: number): void {
  const stream = via && core.routes.get(via.id);
  if (!via) core.addStream('child', id);
  else if (stream) {
    announceRoute(core, pathTo(via), id, via.id);
    core.addRoute(id, stream);
  }
}

/**
 * Starts a context, which is expected already: as a child of this process, or of `via`, which may still be connecting itself.
 *
 * @throws ConnectError, or the signal's reason.
 */
export async function connect(
  host: ConnectHost,
  via: Context | undefined,
  start: Start,
  getTarget: () => Promise<unknown>,
): Promise<Connected> {
  try {
    start.signal.throwIfAborted();
    const target = await getTarget();
    const connected = via ? connectVia(host, via, start, target) : connectHere(host, start, target);
    return sane(await connected);
  } catch (error) {
    // Where nobody has said so already, those who wait for the context learn it here.
    const stream = host.core.routes.get(start.id);
    if (stream?.peer === start.id) stream.close((error as Error).message);
    else if (stream) host.core.removeRoute(start.id, 'it was not started');
    throw start.signal.aborted
      ? start.signal.reason
      : sanitize(await explain(via, error), start.name);
  }
}

function connectHere(host: ConnectHost, start: Start, target: unknown): Promise<Connected> {
  const parentHost = {
    router: host.core,
    broker: host.broker,
    log: host.log,
    pushedCore: pushedModule('core').packed,
    vendor: async (name: string) => (await import(name)).default,
    runtime: loadRuntime,
    getRuntime: host.getRuntime,
  };
  const request = requestOf(host, start, target, [host.core.id]);
  const { done, cancel } = connectChild(parentHost, METHODS[start.method].here, request);
  return untilAborted(start.signal, done, cancel);
}

/** The request, and all that it takes to carry it out, are written at once, and wait in order. */
function connectVia(
  host: ConnectHost,
  via: Context,
  start: Start,
  target: unknown,
): Promise<Connected> {
  const { core, modules } = host;
  if (!core.routes.has(start.id)) throw new DeadLetterError('ERR_NO_ROUTE', `${via.name} is lost`);
  const push = (name: PushedName): string => {
    const { hash, packed } = pushedModule(name);
    modules.add(hash, packed);
    modules.push(hash, via.id);
    return hash;
  };
  const parent = Buffer.from(push('parent'), 'hex');
  const { open, vendor } = METHODS[start.method];
  const request: HopRequest = {
    ...requestOf(host, start, target, [...pathTo(via).reverse(), core.id]),
    method: push(start.method),
    open,
    vendor: Object.fromEntries(vendor.map((name) => [name, push(name)])),
  };
  const call = (name: string, ...args: unknown[]) =>
    core.request(via.id, handles.CALL_MAIN, core.encode([parent, [name], args], name));
  const { runtimes } = host;
  const end = start.options.runtime === 'push' ? runtimes.expect(start.id, via.id) : () => {};
  const connected = call('connect', request) as Promise<Connected>;
  return untilAborted(start.signal, connected, (reason) => {
    call('cancel', start.id, reason).catch(() => {
      // The hop is gone, and the attempt with it.
    });
  }).finally(end);
}

function requestOf(
  host: ConnectHost,
  start: Start,
  target: unknown,
  parentIds: number[],
): ConnectRequest {
  const { id, name, options } = start;
  const { title, node, runtime, timeoutMs, stageTimeoutsMs, workThread, workThreads, heartbeat } =
    options;
  const { maxMessageBytes } = host.core;
  const { silenceMs } = heartbeat;
  const threadModule = Buffer.from(pushedModule('thread').hash, 'hex');
  const config: Config = {
    parentIds,
    name,
    logLevel: host.logLevel,
    maxMessageBytes,
    workThread,
    silenceMs,
    threadModule,
    ...(host.maxWindowBytes ? { maxWindowBytes: host.maxWindowBytes } : {}),
    ...(workThreads ? { workThreads } : {}),
    ...(options.unidirectional ? { unidirectional: true } : {}),
  };
  return {
    id,
    target,
    config,
    title,
    node,
    runtime,
    timeoutMs,
    stageTimeoutsMs,
    keepalive: heartbeat,
    lendAuthority: options.lendAuthority,
  };
}

/** The ids from the master's child down to `context` itself. */
function pathTo(context: Context): number[] {
  return [...(context.via ? pathTo(context.via) : []), context.id];
}

/** What went wrong, as a ConnectError: also where it went wrong in a hop, or with the hop. */
async function explain(via: Context | undefined, error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || error instanceof ConnectError || !via) return error;
  if (error instanceof DeadLetterError) {
    return via.caller.callee.connected.then(
      () => behind(via, error),
      (reason) => behind(via, reason),
    );
  }
  return toConnectError(error);
}

/** What the other side says of itself is shown to people, and may be anything. */
function sane({ pid, nodeVersion, facts }: Connected): Connected {
  return { pid: Number(pid), nodeVersion: printable(String(nodeVersion)).slice(0, 32), facts };
}

/** The texts of an error may hold what the other side has printed. */
function sanitize(error: unknown, name: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  error.context = name;
  error.message = printable(error.message);
  error.output = error.output.map((line) => printable(line));
  return error;
}

/** Turns what went wrong with a hop into what that means for those behind it. */
function behind(hop: Context, error: unknown): ConnectError {
  const { stage, output, exit, message } = error as ConnectError;
  return new ConnectError('ERR_VIA', `${hop.name} could not be reached: ${message}`, {
    stage: stage ?? 'resolve',
    output: output ?? [],
    exit,
    cause: error,
  });
}
