/**
 * Pushed: part of the `context` bundle.
 *
 * What a context has of what a program has in its Router.
 */

import { checkOptions } from '../arguments.js';
import type { CallHost } from '../calls/host.js';
import type { Channel, ChannelOptions } from '../channels/channel.js';
import type { Channels } from '../channels/channels.js';
import type { OpenReceiver, ReceiverOptions } from '../channels/open-receiver.js';
import type { Service, ServiceClass } from '../services/service.js';
import type { Services } from '../services/services.js';
import type * as ssh from '../ssh-options/main.js';
import type { Workplace } from '../thread/workplace.js';
import type { Endpoints } from '../wire/endpoints.js';
import type { Context } from './context.js';
import type { Contexts } from './contexts.js';
import {
  CONTEXT_OPTIONS,
  type DockerContextOptions,
  dockerTarget,
  type LocalContextOptions,
  type SshContextOptions,
} from './options.js';
import type { PendingContext } from './pending-context.js';
import { docker, local, Starter } from './starter.js';

/** The hash of the bundle `ssh-options`; set when this one is built. */
declare const SSH_OPTIONS_MODULE: string;

/** What code in a context does things with: its own end of the tree. */
export class ContextRouter {
  private _starter: Starter;

  /** For Kinetin's own use. */
  constructor(
    readonly workplace: Workplace,
    readonly endpoints: Endpoints,
    readonly contexts: Contexts,
    host: CallHost,
    private _services: Services,
    private _channels: Channels<Context>,
  ) {
    this._starter = new Starter(host, contexts);
  }

  /**
   * Lets others call the exposed methods of `service` here: in this thread, and while it lives. A name
   * is served once.
   *
   * @throws {@link ServiceError} ERR_SERVICE_EXISTS; TypeError with the code ERR_INVALID_ARG where the
   * class makes no sense.
   */
  serve(service: Service): void {
    this._services.serve(service);
  }

  /**
   * Stops a service, given by class or name: it is told by `onStop`, later calls get
   * ERR_SERVICE_STOPPED, and so do those that wait for their turn; those that run are answered.
   * Idempotent. Another of its name may be served after that.
   */
  unserve(service: ServiceClass | string): void {
    this._services.unserve(service);
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
    return this._channels.receiver(options);
  }

  /** One end of a {@link Channel}: the other is where it is given. */
  channel<In = unknown, Out = unknown>(options?: ChannelOptions): Channel<In, Out> {
    return this._channels.channel(options);
  }

  /** The context that started this one; it may be the master. */
  get parent(): Context {
    const [id = 0] = this.workplace.config.parentIds;
    return this.contexts.find(id, id === 0 ? 'master' : `context ${id}`);
  }

  /** The program, whose services can be called. */
  get master(): Context {
    return this.contexts.find(0, 'master');
  }

  /**
   * Starts a context as a process on this host, or on that of `via`: a context below this one, or another
   * in which this one may run code (see {@link ContextOptions.lendAuthority}).
   * Await it to wait for the connection, or call it at once; it has its id and name, and can be an
   * argument or a result, once it was awaited.
   *
   * The new context belongs to the one that starts it, and ends with that: not with the call or the
   * work thread that asked for it.
   *
   * @throws TypeError with the code ERR_INVALID_ARG; {@link ConnectError} and {@link DeadLetterError},
   * through the promise.
   */
  local(options: LocalContextOptions = {}): PendingContext {
    checkOptions('router.local', options, CONTEXT_OPTIONS);
    return this._starter.start(local(options.node), options);
  }

  /**
   * Starts a context in a container that runs on this host, or on that of `via`. As `local` otherwise.
   *
   * @throws TypeError with the code ERR_INVALID_ARG; {@link ConnectError} and {@link DeadLetterError},
   * through the promise.
   */
  docker(options: DockerContextOptions): PendingContext {
    const target = dockerTarget(options);
    const { name = options.container } = options;
    return this._starter.start(docker(target), { ...options, name });
  }

  /**
   * Starts a context on an SSH host. Keys, the agent and known hosts are those of this context's host and
   * account, not of the master's; `via`, as with `local`, connects, and what is checked
   * there is what is known here. As `local` otherwise.
   *
   * @throws TypeError with the code ERR_INVALID_ARG, also through the promise; {@link ConnectError} and
   * {@link DeadLetterError}, through the promise.
   *
   * @example
   * ```ts
   * import { hostname } from 'node:os';
   * import { thisContext, withRouter } from '@kinetin/master';
   *
   * async function ask(name: string): Promise<string> {
   *   await using web = await thisContext().router.ssh({ hostname: name });
   *   return await web.call(hostname);
   * }
   *
   * await withRouter(async (router) => {
   *   const bastion = await router.ssh({ hostname: 'bastion.example.com' });
   *   console.log(await bastion.call(ask, 'web1'));
   * });
   * ```
   */
  ssh(options: SshContextOptions): PendingContext {
    // Those of the connection are checked with its first use, where the list of them is.
    const types = Object.fromEntries(Object.keys(options || {}).map((option) => [option, '']));
    checkOptions('router.ssh', options, { ...types, ...CONTEXT_OPTIONS } as never);
    const { name = options.hostname } = options;
    const { loader, log } = this.workplace;
    return this._starter.start({ kind: 'ssh' }, { ...options, name }, async (connect) => {
      const { connectSsh } = (await loader.load(SSH_OPTIONS_MODULE)) as typeof ssh;
      return connectSsh(options, connect, log);
    });
  }
}
