/**
 * The program's side of the tree: starts contexts and ends them.
 */

import {
  Broker,
  Contexts,
  Router as CoreRouter,
  DeadLetterError,
  describeFrame,
  endpoints as endpointKinds,
  handles,
  installCallEndpoints,
  installContextEndpoint,
  listenForRoutes,
  type Message,
  ModuleStore,
  printable,
  TracedRouter,
  type WaitOptions,
  wait,
} from '@kinetin/core';
import type { Connected } from '@kinetin/core/parent';
import createDebug from 'debug';
import { MasterCallHost } from './call-host.js';
import {
  type ConnectHost,
  connect,
  expectContext,
  type MethodName,
  type Start,
} from './connect.js';
import { Context, PendingContext } from './context.js';
import { LEVELS, type LogSink, levelOf, printRecord } from './logs/sink.js';
import { type ContextOptions, type RouterOptions, resolveContextOptions } from './options.js';
import { pushedModule } from './pushed.js';
import { adoptHostKey } from './ssh/adopt-host-key.js';
import { invalidArgument } from './ssh/invalid-argument.js';
import { resolveSshOptions, type SshOptions } from './ssh/options.js';
import type { TreeNode } from './tree.js';

const debug = createDebug('kinetin:router');
const debugFrames = createDebug('kinetin:frames');

/** How long contexts have to end in order before they are ended by force. */
const SHUTDOWN_GRACE_MS = 5000;

/** How long `tree` waits for the answers to its pings by default. */
const TREE_TIMEOUT_MS = 1000;

/** Starts a context on the host of `via`, or on this one. */
export interface LocalContextOptions extends ContextOptions {}

/** Starts a context on an SSH host: the options of the connection and those of all methods. */
export interface SshContextOptions extends ContextOptions, SshOptions {}

/** How to start one context: what is resolved while others may already send to it. */
interface Plan {
  readonly name: string;
  readonly method: MethodName;
  readonly options: ContextOptions;
  readonly target: () => Promise<unknown>;
  readonly onConnected?: (connected: Connected) => void;
}

/**
 * The root of a tree of contexts. Use {@link withRouter}, or `await using`, so that the tree ends
 * with the block.
 *
 * @example
 * ```ts
 * await using router = new Router();
 * const web = await router.ssh({ hostname: 'web1.example.com' });
 * console.log(await web.call(hostname));
 * ```
 */
export class Router implements AsyncDisposable {
  readonly #core: CoreRouter;
  readonly #broker: Broker;
  readonly #host: ConnectHost;
  readonly #calls: MasterCallHost;
  readonly #onLog: LogSink;
  readonly #contexts: Contexts<Context>;
  readonly #closing = new AbortController();
  #lastId = 0;

  /** @throws TypeError with the code ERR_INVALID_ARG. */
  constructor(options: RouterOptions = {}) {
    const { logLevel = 'info', maxMessageBytes } = options;
    if (!(logLevel in LEVELS)) {
      const known = Object.keys(LEVELS).join(', ');
      throw invalidArgument(`logLevel must be one of ${known}, not ${JSON.stringify(logLevel)}`);
    }
    this.#onLog = options.onLog ?? printRecord;
    const endpoints = new endpointKinds.Endpoints();
    this.#core = new (debugFrames.enabled ? TracedRouter : CoreRouter)({
      id: 0,
      parentIds: [],
      maxMessageBytes,
      codec: endpoints,
      onComplaint: (text) => debug(text),
    });
    if (this.#core instanceof TracedRouter) {
      this.#core.onTrace = (direction, { peer }, frame) => {
        const neighbour = printable(`${this.#nameOf(peer)} (${peer})`);
        debugFrames('%s %s: %s', direction, neighbour, describeFrame(frame));
      };
    }
    this.#broker = new Broker(this.#core);
    this.#contexts = new Contexts((id, name) => {
      const gone = Promise.reject(new DeadLetterError('ERR_NO_ROUTE', `${name} is not known here`));
      gone.catch(() => {});
      return new Context(this.#calls, {
        id,
        name,
        method: 'unknown',
        via: undefined,
        connected: gone,
      });
    });
    this.#host = {
      core: this.#core,
      broker: this.#broker,
      modules: new ModuleStore(this.#core),
      logLevel: LEVELS[logLevel],
      log: (level, text, id = 0) => this.#log(id, level, text),
    };
    this.#calls = new MasterCallHost(this.#core, this.#host.modules);
    installCallEndpoints(endpoints);
    installContextEndpoint(endpoints, this.#contexts, [Context, PendingContext]);
    for (const name of ['thread', 'context'] as const) {
      const { hash, packed } = pushedModule(name);
      this.#host.modules.add(hash, packed);
    }
    listenForRoutes(this.#core);
    this.#core.listen({ onMessage: (message) => this.#receiveLog(message) }, handles.LOG);
    this.#core.onStreamClosed = (stream, reason) => {
      debug('stream to %d ended: %s', stream.peer, reason);
      this.#broker.release(stream.peer);
    };
    this.#core.onContextLost = (id, reason) => {
      debug('context %d lost: %s', id, reason);
      this.#contexts.get(id)?.markLost();
      this.#contexts.remove(id);
    };
  }

  /**
   * Starts a context as a process on this host, or on that of `via`. Await it to wait for the
   * connection, or call it at once.
   *
   * @throws {@link ConnectError}, through the promise.
   */
  local(options: LocalContextOptions = {}): PendingContext {
    const command = options.node === undefined ? undefined : [options.node];
    return this.#start({
      name: options.name ?? `local${this.#lastId + 1}`,
      method: 'local',
      options,
      target: async () => ({ command }),
    });
  }

  /**
   * Starts a context on an SSH host. With `via`, that context connects: it needs no more than Node,
   * and sees what passes; the host's keys are checked there, against what this machine knows.
   *
   * @throws TypeError with the code ERR_INVALID_ARG; {@link ConnectError}, through the promise.
   */
  ssh(options: SshContextOptions): PendingContext {
    const isElsewhere = options.via !== undefined;
    return this.#start({
      name: options.name ?? options.hostname,
      method: 'ssh',
      options,
      target: () => resolveSshOptions(options, { isElsewhere }),
      onConnected: ({ facts }) => adoptHostKey(options, facts),
    });
  }

  /**
   * The contexts that live or are being started, as a tree. Pings all that are connected, at once,
   * and waits until they have answered, at most for `timeout` ms: 1000 without the option.
   *
   * @throws the signal's reason; never because a context does not answer.
   */
  async tree({ timeout = TREE_TIMEOUT_MS, signal }: WaitOptions = {}): Promise<TreeNode> {
    const roundTrips = new Map<Context, number>();
    const connected = this.#contexts.all().filter(({ pid }) => pid !== undefined);
    await Promise.all(
      connected.map((context) =>
        context.ping({ timeout, signal }).then(
          (roundTripMs) => roundTrips.set(context, roundTripMs),
          // It stays in the tree while it is not lost; an abort is looked for below.
          () => {},
        ),
      ),
    );
    signal?.throwIfAborted();
    const childrenOf = (via: Context | undefined): TreeNode[] =>
      this.#contexts
        .all()
        .filter((context) => context.via === via)
        .map((context) => ({
          name: context.name,
          method: context.method,
          pid: context.pid,
          nodeVersion: context.nodeVersion,
          roundTripMs: roundTrips.get(context),
          children: childrenOf(context),
        }));
    return {
      name: 'master',
      method: 'master',
      pid: process.pid,
      nodeVersion: process.version,
      roundTripMs: 0,
      children: childrenOf(undefined),
    };
  }

  /**
   * Ends all contexts, the lowest first, and gives up those that are being started. Idempotent.
   * Contexts that have not ended after 5 seconds are ended by force.
   *
   * @throws {@link TimeoutError} and the signal's reason; the contexts go on ending.
   */
  shutdown(options: WaitOptions = {}): Promise<void> {
    this.#closing.abort(new Error('the router was shut down'));
    return wait<void>(
      options,
      'the shutdown of the router',
      (resolve, reject) => {
        this.#broker.shutdown(SHUTDOWN_GRACE_MS).then(resolve, reject);
      },
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #start({ name, method, options, target, onConnected }: Plan): PendingContext {
    const resolved = resolveContextOptions(options);
    const via = options.via instanceof PendingContext ? options.via.context : options.via;
    const id = ++this.#lastId;
    const path = via ? `${via.name}.${name}` : name;
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])];
    const start: Start = {
      id,
      name: path,
      method,
      options: resolved,
      signal: AbortSignal.any(signals),
    };
    expectContext(this.#core, via, id);
    const connected = connect(this.#host, via, start, target);
    const context = new Context(this.#calls, { id, name: path, method, via, connected });
    this.#contexts.add(context);
    if (resolved.workThread !== 'lazy') this.#host.modules.push(pushedModule('thread').hash, id);
    const ready = connected.then((facts) => {
      try {
        onConnected?.(facts);
      } catch (error) {
        // As ssh does: the connection is good, only the next one will not know it.
        this.#log(id, LEVELS.warn, (error as Error).message);
      }
      return context;
    });
    connected.catch(() => this.#contexts.remove(id));
    return new PendingContext(context, ready);
  }

  #receiveLog(message: Message): void {
    const [id, level, text] = this.#core.decode(message) as [number, number, string];
    // A context speaks for itself, and a parent for what its children print.
    const speaker = this.#contexts.get(id);
    if (id !== message.source && speaker?.via?.id !== message.source) return;
    this.#log(id, level, String(text));
  }

  #log(id: number, level: number, text: string): void {
    this.#onLog({ context: this.#nameOf(id), level: levelOf(level), text });
  }

  #nameOf(id: number): string {
    return this.#contexts.get(id)?.name ?? `context ${id}`;
  }
}

/** Runs `main` with a router that is shut down afterwards, whatever happens. */
export async function withRouter<Value>(
  main: (router: Router) => Value | Promise<Value>,
  options: RouterOptions = {},
): Promise<Value> {
  await using router = new Router(options);
  return await main(router);
}
