/**
 * The program's side of the tree: starts contexts and ends them.
 */

import {
  Broker,
  type Channel,
  ChannelError,
  type ChannelOptions,
  Channels,
  CONTEXT_OPTIONS,
  Context,
  type ContextOptions,
  Contexts,
  Router as CoreRouter,
  checkOptions,
  DeadLetterError,
  type DockerContextOptions,
  describeFrame,
  dockerTarget,
  endpoints as endpointKinds,
  handles,
  installCallEndpoints,
  installContextEndpoint,
  invalidArgument,
  KinetinError,
  type LocalContextOptions,
  listenForRoutes,
  type Message,
  type OpenReceiver,
  PendingContext,
  printable,
  type ReceiverOptions,
  resolveContextOptions,
  type Service,
  type ServiceClass,
  type Services,
  type SshContextOptions,
  TracedRouter,
  type WaitOptions,
  wait,
} from '@kinetin/core';
import { type Connected, Ids, listenForNews } from '@kinetin/core/parent';
import { adoptHostKey, resolveSshOptions, SSH_OPTIONS } from '@kinetin/core/ssh-options';
import createDebug from 'debug';
import { resolveBundleOptions } from './bundle/options.js';
import { MasterCallHost } from './call-host.js';
import {
  type ConnectHost,
  connect,
  expectContext,
  type MethodName,
  type Start,
} from './connect.js';
import { IdSource } from './ids.js';
import { LEVELS, type LogSink, levelOf, printRecord } from './logs/sink.js';
import { Newcomers } from './newcomers.js';
import {
  checkLimits,
  checkRegistry,
  checkShutdown,
  ROUTER_OPTIONS,
  type RouterOptions,
  type ShutdownOptions,
} from './options.js';
import { type PendingCallReport, pendingCalls } from './pending.js';
import { pushedModule } from './pushed.js';
import { packagedRuntimes } from './runtime/packages.js';
import { RuntimesForHops } from './runtime/to-hops.js';
import { serveServices } from './services.js';
import { ByteCount, CountedModules, type RouterStats } from './stats.js';
import type { TreeNode } from './tree.js';

const debug = createDebug('kinetin:router');
const debugFrames = createDebug('kinetin:frames');
const debugSsh = createDebug('kinetin:ssh');

/** How long contexts have to end in order, by default, before they are ended by force. */
const SHUTDOWN_GRACE_MS = 5000;

/** How long `tree` waits for the answers to its pings by default. */
const TREE_TIMEOUT_MS = 1000;
const PENDING_TIMEOUT_MS = 2000;

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
  readonly #contexts: Contexts;
  readonly #modules: CountedModules;
  readonly #bytes: ByteCount;
  readonly #closing = new AbortController();
  readonly #ids = new IdSource();
  readonly #services: Services;
  readonly #channels: Channels<Context>;

  /** @throws TypeError with the code ERR_INVALID_ARG. */
  constructor(options: RouterOptions = {}) {
    checkOptions('Router', options, ROUTER_OPTIONS);
    checkLimits(options);
    checkRegistry(options.npmRegistry);
    const { logLevel = 'info', maxMessageBytes, maxWindowBytes, maxIdBlocks } = options;
    const rules = resolveBundleOptions(options.bundle);
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
      maxWindowBytes,
      codec: endpoints,
      onComplaint: (text) => debug('%s', printable(text)),
    });
    if (this.#core instanceof TracedRouter) {
      this.#core.onTrace = (direction, { peer }, frame) => {
        const neighbour = printable(`${this.#nameOf(peer)} (${peer})`);
        debugFrames('%s %s: %s', direction, neighbour, describeFrame(frame));
      };
    }
    this.#modules = new CountedModules(this.#core);
    this.#bytes = new ByteCount(this.#core);
    this.#broker = new Broker(this.#core);
    this.#contexts = new Contexts((id, name) => {
      const gone = Promise.reject(new DeadLetterError('ERR_NO_ROUTE', `${name} is not known here`));
      return new Context(this.#calls, { id, name, connected: gone });
    });
    const getRuntime = packagedRuntimes({ registry: options.npmRegistry });
    this.#host = {
      core: this.#core,
      broker: this.#broker,
      modules: this.#modules,
      logLevel: LEVELS[logLevel],
      maxWindowBytes,
      log: (level, text, id = 0) => this.#log(id, level, text),
      getRuntime,
      runtimes: new RuntimesForHops(this.#core, getRuntime, pushedModule('runtime').hash),
    };
    this.#calls = new MasterCallHost(this.#core, this.#host.modules, rules);
    installCallEndpoints(endpoints);
    installContextEndpoint(endpoints, this.#contexts, [Context, PendingContext]);
    for (const name of [
      'thread',
      'threads',
      'context',
      'parent',
      'local',
      'docker',
      'ssh-options',
      'ssh',
      'ssh2',
      'runtime',
    ] as const) {
      const { hash, packed } = pushedModule(name);
      this.#host.modules.add(hash, packed);
    }
    listenForRoutes(this.#core);
    const self = new Context(this.#calls, {
      id: 0,
      name: 'master',
      connected: Promise.resolve(undefined),
    });
    this.#channels = new Channels({
      core: this.#core,
      endpoints,
      contextOf: (id) => (id === 0 ? self : this.#contexts.find(id, `context ${id}`)),
    });
    this.#core.listen({ onMessage: (message) => this.#receiveLog(message) }, handles.LOG);
    const newcomers = new Newcomers(this.#calls, this.#contexts);
    this.#core.onStreamClosed = (stream, reason) => {
      debug('stream to %d ended: %s', stream.peer, printable(reason));
      this.#bytes.add(stream);
      this.#broker.release(stream.peer);
    };
    this.#core.onContextLost = (id, reason) => {
      debug('context %d lost: %s', id, printable(reason));
      newcomers.remove(id, `${this.#nameOf(id)} is lost: ${reason}`);
      this.#contexts.remove(id);
    };
    // Behind it, since the calls of a context that is lost are aborted.
    this.#services = serveServices(this.#core, endpoints, this.#host.log);
    const blocks = new Ids(this.#core, async () => this.#ids.takeBlock(), maxIdBlocks);
    const complain = (text: string) => debug(text);
    listenForNews(this.#core, blocks, (news) => newcomers.receive(news), complain);
  }

  /**
   * Starts a context as a process on this host, or on that of `via`. Await it to wait for the
   * connection, or call it at once.
   *
   * @throws {@link ConnectError}, through the promise.
   */
  local(options: LocalContextOptions = {}): PendingContext {
    checkOptions('router.local', options, CONTEXT_OPTIONS);
    const command = options.node === undefined ? undefined : [options.node];
    return this.#start({
      name: options.name ?? `local${this.#ids.next}`,
      method: 'local',
      options,
      target: async () => ({ command }),
    });
  }

  /**
   * Starts a context in a container that runs, on this host or on that of `via`, by `docker exec`. The
   * context ends with its connection; the container does not.
   *
   * @throws TypeError with the code ERR_INVALID_ARG; {@link ConnectError}, through the promise.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * import { withRouter } from '@kinetin/master';
   *
   * await withRouter(async (router) => {
   *   const via = router.ssh({ hostname: 'web1.example.com' });
   *   const app = router.docker({ container: 'app', user: 'node', via });
   *   console.log(await app.call(hostname));
   * });
   * ```
   */
  docker(options: DockerContextOptions): PendingContext {
    const target = dockerTarget(options);
    return this.#start({
      name: options.name ?? options.container,
      method: 'docker',
      options,
      target: async () => target,
    });
  }

  /**
   * Starts a context on an SSH host. With `via`, that context connects: it needs no more than Node,
   * and sees what passes; the host's keys are checked there, against what this machine knows.
   *
   * @throws TypeError with the code ERR_INVALID_ARG; {@link ConnectError}, through the promise.
   */
  ssh(options: SshContextOptions): PendingContext {
    checkOptions('router.ssh', options, { ...CONTEXT_OPTIONS, ...SSH_OPTIONS });
    const isElsewhere = options.via !== undefined;
    return this.#start({
      name: options.name ?? options.hostname,
      method: 'ssh',
      options,
      target: () => resolveSshOptions(options, { isElsewhere }),
      onConnected: ({ facts }) => adoptHostKey(options, facts, (text) => debugSsh('%s', text)),
    });
  }

  /**
   * Lets contexts call the exposed methods of `service` here, in the program: they find it by
   * `thisContext().router.master.service(...)`. A name is served once.
   *
   * @throws {@link ServiceError} ERR_SERVICE_EXISTS; TypeError with the code ERR_INVALID_ARG where the
   * class makes no sense.
   */
  serve(service: Service): void {
    this.#services.serve(service);
  }

  /**
   * Stops a service, given by class or name: it is told by `onStop`, later calls get
   * ERR_SERVICE_STOPPED, and so do those that wait for their turn; those that run are answered.
   * Idempotent. Another of its name may be served after that.
   */
  unserve(service: ServiceClass | string): void {
    this.#services.unserve(service);
  }

  /**
   * A receiver for what others send: by senders that it makes, which travel as arguments and results.
   *
   * @example
   * ```ts
   * import { type Sender, withRouter } from '@kinetin/master';
   *
   * async function count(sender: Sender<number>) {
   *   for (let i = 0; i < 3; i++) await sender.send(i);
   *   await sender.close();
   * }
   *
   * await withRouter(async (router) => {
   *   const numbers = router.receiver<number>();
   *   const done = router.local().call(count, numbers.toSender());
   *   for await (const number of numbers) console.log(number);
   *   await done;
   * });
   * ```
   */
  receiver<Value = unknown>(options?: ReceiverOptions): OpenReceiver<Value, Context> {
    return this.#channels.receiver(options);
  }

  /** One end of a {@link Channel}: the other is where it is given. */
  channel<In = unknown, Out = unknown>(options?: ChannelOptions): Channel<In, Out> {
    return this.#channels.channel(options);
  }

  /**
   * The calls of this program that have no answer yet, the oldest first, and why: asks the contexts
   * that they went to, at most for `timeout` ms: 2000 without the option. A thread that does nothing
   * but run is stopped for a moment, to tell where it is; nothing else changes for what is asked about.
   *
   * @throws the signal's reason; never because a context does not answer.
   *
   * @example
   * ```ts
   * for (const call of await router.pendingCalls()) console.log(call.function, call.why, call.stack);
   * ```
   */
  pendingCalls(options: WaitOptions = {}): Promise<PendingCallReport[]> {
    const host = {
      core: this.#core,
      modules: this.#host.modules,
      context: (id: number) => this.#contexts.get(id),
      remoteStack: (stack: string) => this.#calls.remoteStack(stack),
    };
    return pendingCalls(host, { timeout: PENDING_TIMEOUT_MS, ...options });
  }

  /**
   * The contexts that live or are being started, as a tree. Pings all that are connected, at once,
   * and waits until they have answered, at most for `timeout` ms: 1000 without the option.
   *
   * @throws the signal's reason, TypeError with the code ERR_INVALID_ARG; never because a context does
   * not answer.
   */
  async tree({ timeout = TREE_TIMEOUT_MS, signal }: WaitOptions = {}): Promise<TreeNode> {
    const roundTrips = new Map<Context, number>();
    const connected = this.#contexts.all().filter(({ pid }) => pid !== undefined);
    await Promise.all(
      connected.map((context) =>
        context.ping({ timeout, signal }).then(
          (roundTripMs) => roundTrips.set(context, roundTripMs),
          // It stays in the tree while it is not lost; an abort is looked for below.
          (error) => {
            if (error instanceof TypeError) throw error;
          },
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
          method: context.method ?? 'unknown',
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
   * How much the program has sent and received, and how much of that were modules.
   *
   * @example
   * ```ts ignore
   * const { sentModules, sentModuleBytes } = router.stats();
   * ```
   */
  stats(): RouterStats {
    const { count: sentModules, bytes: sentModuleBytes } = this.#modules;
    return { ...this.#bytes.total(), sentModules, sentModuleBytes };
  }

  /**
   * Ends all contexts, the lowest first, and gives up those that are being started. Idempotent.
   * Contexts that have not ended after `grace` ms are ended by force: 5000 without the option.
   *
   * @throws {@link TimeoutError} and the signal's reason: the contexts go on ending; TypeError with the
   * code ERR_INVALID_ARG.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkShutdown(options);
    const { grace = SHUTDOWN_GRACE_MS } = options;
    const why =
      'cannot start a context: the router was shut down; await what is started before that';
    this.#closing.abort(new KinetinError('KinetinError', 'ERR_SHUT_DOWN', why));
    await wait<void>(
      options,
      'the shutdown of the router',
      (resolve, reject) => {
        const ended = this.#broker.shutdown(grace).then(() => {
          // Nothing will come any more, also to those whom nobody was to send anything.
          this.#channels.end(new ChannelError('ERR_CLOSED_HERE', 'the router was shut down'));
        });
        ended.then(resolve, reject);
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
    if (via && via.caller.host !== this.#calls) {
      throw invalidArgument(`${via.name} belongs to another router; use one router for both`);
    }
    const id = this.#ids.take();
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
    if (resolved.workThread !== 'lazy') {
      this.#host.modules.push(pushedModule('thread').hash, id);
      if (resolved.workThreads) this.#host.modules.push(pushedModule('threads').hash, id);
    }
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
