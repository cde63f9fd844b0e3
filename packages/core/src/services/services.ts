/**
 * The services that run here, and their calls. docs/protocol.md, section "Services".
 */

import { ProtocolError } from '../errors.js';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { Log } from '../runtime/log.js';
import type { Dispatcher } from '../thread/dispatcher.js';
import { HEADER_BYTES } from '../wire/frame.js';
import { SERVICE } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import { checkArguments, checkService, MAX_SERVICE_NAME } from './check.js';
import type { Service, ServiceClass } from './service.js';
import { ServiceError } from './service-error.js';
import { makeTurns, type Turns } from './turns.js';

/** Where the class of a service is: the hash of a module, and the path from its exports. */
export type ClassReference = [Buffer, string[]];

/** A call. */
export type CallPayload = [
  name: string,
  method: string,
  args: unknown[],
  reference: ClassReference | undefined,
];
/** A signal among the arguments of an earlier call was aborted, or its sender gives it up as a whole. */
export type AbortPayload = [replyHandle: number, reason: unknown, isGivenUp: boolean];
/** What a SERVICE message says. */
export type ServicePayload = CallPayload | AbortPayload;

/** What services need of where they run. */
export interface ServiceHost {
  readonly router: Router;
  /** For people: the name of the context. */
  readonly name: string;
  readonly log: Log;
  /** Encodes the list of a service, a method and its arguments, signals among them too. */
  encode(call: readonly unknown[]): Buffer;
  /**
   * Tells the context that this thread serves a service, or no longer does, where it has several
   * threads. Returns whether it may: no other one has a service of that name.
   */
  claim?(name: string, isServed: boolean): boolean;
  /** Loads the class of a service, for a caller that may run code here; absent where nobody may. */
  load?(reference: ClassReference): Promise<unknown>;
}

/** A service under its name, which may be starting, or have been stopped. */
class Served {
  isStopped = false;
  /** Settles when it runs, or cannot; undefined when it runs. */
  starting: Promise<void> | undefined;
  type!: ServiceClass;
  service!: Service;
  turns!: Turns;

  run(service: Service): void {
    this.type = checkService(service);
    this.service = service;
    this.turns = makeTurns(this.type);
    this.starting = undefined;
    if (this.isStopped) service.onStop();
  }
}

/** A call under way. */
interface ServiceCall {
  readonly message: Message;
  readonly served: Served;
  readonly method: string;
  readonly args: unknown[];
  /** For people: service and method. */
  readonly what: string;
  isGivenUp: boolean;
}

type Rules = NonNullable<ServiceClass['exposed'][string]>;

export class Services {
  private _served: Map<string, Served> = new Map();
  /** Calls under way, by source and reply handle. */
  private _calls: Map<string, ServiceCall> = new Map();

  /** `dispatcher` runs what it kept under SERVICE with each SERVICE message, and answers it. */
  constructor(
    private _dispatcher: Dispatcher,
    private _host: ServiceHost,
  ) {
    const take = (message: Message, payload: ServicePayload) => this._take(message, payload);
    _dispatcher.kept.set(SERVICE, { take });
  }

  /** See {@link ContextRouter.serve}. */
  serve(service: Service): void {
    const served = new Served();
    served.run(service);
    const { serviceName: name } = served.type;
    const known = this._served.get(name);
    if (known && !known.isStopped) throw this._exists(name);
    this._claim(name);
    this._served.set(name, served);
  }

  /** See {@link ContextRouter.unserve}. */
  unserve(type: ServiceClass | string): void {
    const served = this._served.get(typeof type === 'string' ? type : type.serviceName);
    if (!served || served.isStopped) return;
    served.isStopped = true;
    this._host.claim?.(typeof type === 'string' ? type : type.serviceName, false);
    if (!served.starting) served.service.onStop();
  }

  /** Takes a SERVICE message, and resolves with its answer. */
  private async _take(message: Message, payload: ServicePayload): Promise<unknown> {
    const { source, replyHandle } = message;
    if (!Array.isArray(payload)) throw badPayload();
    if (typeof payload[0] === 'number') return this._abort(source, payload as AbortPayload);
    const [name, method, args, reference] = payload as CallPayload;
    if (!isName(name) || !isName(method) || !Array.isArray(args)) throw badPayload();
    const served = this._served.get(name) || this._start(message, name, reference);
    const what = `${name}.${method}`;
    const call: ServiceCall = { message, served, method, args, what, isGivenUp: false };
    const key = keyOf(source, replyHandle);
    this._calls.set(key, call);
    try {
      if (served.starting) await served.starting;
      const { noReply } = this._check(call);
      const result = this._run(call);
      if (!noReply) return await result;
      result.catch((error) => this._host.log(ERROR, `${what} failed: ${error?.stack || error}`));
      return undefined;
    } finally {
      if (this._calls.get(key) === call) this._calls.delete(key);
    }
  }

  /** A call that was given up and has not begun never does. */
  private _abort(source: number, [replyHandle, reason, isGivenUp]: AbortPayload): void {
    const call = this._calls.get(keyOf(source, replyHandle));
    if (call && isGivenUp) call.isGivenUp = true;
    this._dispatcher.abort(source, replyHandle, reason);
  }

  /** Starts a service, for a caller that may run code here. */
  private _start(message: Message, name: string, reference: ClassReference | undefined): Served {
    const { router, name: here } = this._host;
    // A caller that was lent the authority of the master may still run nothing there.
    const load = router.isAbove(message) && this._host.load;
    if (!load || !reference) {
      const why = load
        ? 'serve one there, or call it by its class, whose constructor takes no arguments'
        : `serve one there; context ${message.source} cannot start it, as those above could`;
      throw new ServiceError('ERR_NO_SERVICE', `there is no service ${name} in ${here}: ${why}`);
    }
    this._claim(name);
    const served = new Served();
    this._served.set(name, served);
    served.starting = load(reference).then((type) => {
      served.run(new (type as new () => Service)());
    });
    served.starting.catch(() => {
      // Another may have been served, once this one was stopped.
      if (this._served.get(name) !== served) return;
      this._served.delete(name);
      this._host.claim?.(name, false);
    });
    return served;
  }

  /** Throws unless the caller may call the method so. Returns what is exposed of it. */
  private _check({ message, served, method, args, what }: ServiceCall): Rules {
    this._checkRuns(served, what);
    const { exposed } = served.type;
    const rules = Object.prototype.hasOwnProperty.call(exposed, method) && exposed[method];
    if (!rules) {
      const known = Object.keys(exposed).join(', ');
      throw new ServiceError('ERR_NO_METHOD', `cannot call ${what}: what is exposed is ${known}`);
    }
    const { policy } = rules;
    const { source: id } = message;
    const isAbove = this._host.router.isAbove(message);
    const mayCall =
      typeof policy === 'function'
        ? policy({ id, isAbove }) === true
        : isAbove || policy === 'anybody';
    if (!mayCall) {
      throw new ServiceError(
        'ERR_REFUSED',
        `context ${id} may not call ${what}: the policy of the method refuses it`,
      );
    }
    checkArguments(what, rules.args || [], args);
    return rules;
  }

  /** Throws where another thread of the context serves that name. */
  private _claim(name: string): void {
    if (this._host.claim?.(name, true) === false) throw this._exists(name);
  }

  private _exists(name: string): ServiceError {
    return new ServiceError(
      'ERR_SERVICE_EXISTS',
      `cannot serve another ${name} in ${this._host.name}: there is one; stop that first`,
    );
  }

  private _checkRuns({ isStopped }: Served, what: string): void {
    if (!isStopped) return;
    throw new ServiceError(
      'ERR_SERVICE_STOPPED',
      `cannot call ${what} in ${this._host.name}: the service was stopped; serve another`,
    );
  }

  private async _run(call: ServiceCall): Promise<unknown> {
    const { message, served, method, args, what } = call;
    const { router, encode } = this._host;
    const result = await served.turns(
      () => {
        this._checkRuns(served, what);
        if (call.isGivenUp) throw new Error(`${what} was given up`);
        return (served.service as unknown as Methods)[method]?.(...args);
      },
      () => encode([what, method, args]).toString('latin1', HEADER_BYTES),
    );
    // Each of its steps is a call of a function: for those above alone.
    if (isGenerator(result) && !router.isAbove(message)) {
      throw new ServiceError(
        'ERR_REFUSED',
        `context ${message.source} cannot have the result of ${what}: only those above get generators`,
      );
    }
    return result;
  }
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

const keyOf = (source: number, replyHandle: number) => `${source}:${replyHandle}`;

function badPayload(): ProtocolError {
  return new ProtocolError('ERR_BAD_PAYLOAD', 'this is no call of a service');
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length <= MAX_SERVICE_NAME;
}

function isGenerator(value: unknown): boolean {
  return /Generator\]$/.test(Object.prototype.toString.call(value));
}
