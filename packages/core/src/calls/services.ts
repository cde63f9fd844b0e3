/**
 * Services of other contexts, as their callers have them.
 */

import { invalidArgument } from '../arguments.js';
import type { WaitOptions } from '../channels/wait.js';
import { isReserved } from '../services/check.js';
import type { Service, ServiceClass } from '../services/service.js';
import { SERVICE } from '../wire/handles.js';
import type { Caller } from './caller.js';
import { encodeCall, reasonOf, whenAborted } from './encode.js';
import { checkNoReply } from './no-reply.js';
import { callWithin, type PendingCall } from './pending-call.js';
import type { RemoteFunction } from './remote-module.js';
import type { AnyFunction, Arguments } from './sendable.js';

/** The exposed methods of a service that runs elsewhere. */
export type RemoteService<Type extends ServiceClass> =
  Type extends ServiceClass<infer Instance extends Service>
    ? {
        readonly [Name in keyof Type['exposed'] &
          keyof Instance]: Instance[Name] extends AnyFunction
          ? Type['exposed'][Name & string] extends { readonly noReply: true }
            ? (...args: Arguments<Instance[Name]>) => Promise<void>
            : RemoteFunction<Instance[Name]>
          : never;
      }
    : never;

/** A call of a method of a service; of one that is known by its name alone where there is no type. */
interface ServiceCall {
  readonly type: ServiceClass | undefined;
  readonly name: string;
  readonly method: string;
  readonly args: unknown[];
}

/**
 * Each method that is read is one that calls. Where only the name of the service is known, that is any
 * name but those which the language and those who print use themselves: see `isReserved`.
 *
 * Throws a TypeError with the code ERR_INVALID_ARG.
 */
export function remoteService(
  caller: Caller,
  service: ServiceClass | string,
  options: WaitOptions | undefined,
): object {
  const type = typeof service === 'string' ? undefined : service;
  const name = type ? type.serviceName : (service as string);
  if (typeof name !== 'string' || !name || (type && typeof type.exposed !== 'object')) {
    throw invalidArgument('service takes the class of a service, or its serviceName');
  }
  return new Proxy(
    // For those who print it.
    Object.defineProperty({}, Symbol.toStringTag, { value: `service ${name} in ${caller.name}` }),
    {
      get: (target, method) => {
        const isMethod =
          typeof method === 'string' &&
          !isReserved(method) &&
          (!type || Object.keys(type.exposed).includes(method));
        if (!isMethod) return Reflect.get(target, method);
        const what = `a call of ${name}.${method} in ${caller.name}`;
        return async (...args: unknown[]) => {
          const call = { type, name, method, args };
          // Awaited at each level, so that stacks lead back to the caller.
          if (!options) return await callMethod(caller, call);
          const { signal, timeout } = options;
          const start = (pending: PendingCall) => callMethod(caller, call, pending);
          return await callWithin({ signal, timeout }, what, start);
        };
      },
    },
  );
}

async function callMethod(
  caller: Caller,
  { type, name, method, args }: ServiceCall,
  pending?: PendingCall,
): Promise<unknown> {
  const { host, callee } = caller;
  const { core } = host;
  await callee.numbered;
  const reference = type && (await host.referenceService(type));
  const { id } = callee;
  pending?.throwIfGivenUp();
  const payload = [name, method, args, reference && [reference.module, [...reference.path]]];
  const encoded = encodeCall(core, payload);
  const { body, signals, gifts } = encoded;
  if (type?.exposed[method]?.noReply) {
    checkNoReply(core, callee, encoded);
    host.ship(reference, id, true);
    core.send({ destination: id, handle: SERVICE, body });
    caller.mind(gifts);
    await callee.connected;
    return undefined;
  }
  host.ship(reference, id, true);
  const over = signals.length > 0 ? new AbortController() : undefined;
  const answer = core.request(id, SERVICE, body, (replyHandle) => {
    const abort = (reason: unknown, isGivenUp = false) =>
      core.post(id, SERVICE, [replyHandle, reasonOf(reason), isGivenUp]);
    pending?.onSent((reason) => {
      core.unlisten(replyHandle);
      over?.abort();
      abort(reason, true);
    });
    for (const signal of signals) whenAborted(signal, abort, over?.signal);
  });
  if (gifts.length > 0) caller.mind(gifts, answer);
  return await caller.answer(over ? answer.finally(() => over.abort()) : answer);
}
