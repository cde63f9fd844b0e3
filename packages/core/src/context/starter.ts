/**
 * Pushed: part of the `context` bundle.
 *
 * Starts contexts on behalf of code that runs in a context. The main thread of the one that becomes
 * the parent does it, and keeps the child: it stays when the thread that asked for it ends.
 */

import { reasonOf } from '../calls/encode.js';
import type { CallHost } from '../calls/host.js';
import { type ConnectError, toConnectError } from '../parent/attempt.js';
import type { Connected } from '../parent/connection.js';
import type { StartRequest } from '../parent/main.js';
import type { DockerTarget } from '../parent/methods/docker.js';
import { CALL_MAIN, PING } from '../wire/handles.js';
import { Context, NOBODY } from './context.js';
import type { Contexts } from './contexts.js';
import { type ContextOptions, resolveContextOptions } from './options.js';
import { PendingContext } from './pending-context.js';
import { untilAborted } from './until-aborted.js';

/** Hashes of bundles; set when this one is built. */
declare const PARENT_MODULE: string;
declare const LOCAL_MODULE: string;
declare const DOCKER_MODULE: string;

/** How to start a context: what differs from method to method. */
export type Method = Pick<StartRequest, 'kind' | 'method' | 'open' | 'vendor' | 'target'>;

export const local = (node: string | undefined): Method => ({
  kind: 'local',
  method: LOCAL_MODULE,
  open: 'openLocal',
  vendor: {},
  target: { command: node === undefined ? undefined : [node] },
});

export const docker = (target: DockerTarget): Method => ({
  kind: 'docker',
  method: DOCKER_MODULE,
  open: 'openDocker',
  vendor: {},
  target,
});

/** Starts the context: what of the method was not known before is known now. */
export type Connect = (rest: Partial<Method>) => Promise<Connected>;

export class Starter {
  constructor(
    private _host: CallHost,
    private _contexts: Contexts,
  ) {}

  /**
   * Throws a TypeError with the code ERR_INVALID_ARG; all else shows in what is returned. `around` connects,
   * and does what comes before and after that.
   */
  start(
    method: Pick<Method, 'kind'> & Partial<Method>,
    options: ContextOptions,
    around: (connect: Connect) => Promise<Connected> = (connect) => connect({}),
  ): PendingContext {
    const { heartbeat, ...resolved } = resolveContextOptions(options);
    const { name, signal } = options;
    const via = options.via instanceof PendingContext ? options.via.context : options.via;
    let number: () => void = () => {};
    const numbered = new Promise<void>((resolve) => {
      number = resolve;
    });
    const request = {
      ...method,
      ...resolved,
      name,
      silenceMs: heartbeat.silenceMs,
      keepalive: heartbeat,
    };
    const known = { id: NOBODY, name: name ?? `a new ${method.kind} context` };
    const connected = this._connect(via, request, signal, around, (id, path) => {
      // By all who have it: calls that wait for it leave now.
      for (const one of [description, context]) Object.assign(one, { id, name: path });
      this._contexts.add(context);
      number();
    });
    const description = { ...known, method: method.kind, via, connected, numbered };
    const context = new Context(this._host, description);
    connected.catch(() => {
      this._contexts.remove(context.id);
      number();
    });
    return new PendingContext(
      context,
      connected.then(() => context),
    );
  }

  private async _connect(
    via: Context | undefined,
    request: object,
    signal: AbortSignal | undefined,
    around: (connect: Connect) => Promise<Connected>,
    onNumber: (id: number, name: string) => void,
  ): Promise<Connected> {
    const { core } = this._host;
    let context: string | undefined;
    try {
      await via?.caller.callee.numbered;
      const call = (name: string, ...args: unknown[]) =>
        core.request(
          via ? via.id : core.id,
          CALL_MAIN,
          core.encode([Buffer.from(PARENT_MODULE, 'hex'), [name], args], name),
        );
      return await around(async (rest) => {
        if (signal?.aborted) throw signal.reason;
        const [id, name] = (await call('start', { ...request, ...rest })) as [number, string];
        context = name;
        onNumber(id, name);
        // Who has sent to it is told of its end.
        core.post(id, PING, 0);
        const done = call('connected', id) as Promise<Connected>;
        const cancel = (reason: unknown) => {
          call('cancel', id, reasonOf(reason)).catch(() => {
            // The hop is gone, and the attempt with it.
          });
        };
        return signal ? untilAborted(signal, done, cancel) : done;
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw (error as Error).name === 'ConnectError'
        ? Object.assign(toConnectError(error as ConnectError), { context })
        : error;
    }
  }
}
