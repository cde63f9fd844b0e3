/**
 * Calls functions in one context: finds what they are, ships them ahead, and brings the answers back
 * as values or errors. Calls leave in the order in which they were made.
 */

import { brotliCompressSync, constants } from 'node:zlib';
import {
  type CallPayload,
  type Router as CoreRouter,
  type EndpointCodec,
  endpoints,
  handles,
  KinetinError,
  type ModuleStore,
  ProtocolError,
  SerializeError,
} from '@kinetin/core';
import { type CallTarget, referenceFunction } from '../slice/reference.js';
import { CallError } from './call-error.js';

/** What all callers of one router share. */
export interface CallerHost {
  readonly core: CoreRouter;
  readonly modules: ModuleStore;
  /** Source maps of the modules that were shipped, by the first 16 digits of their hash. */
  readonly sourceMaps: Map<string, string>;
}

// biome-ignore lint/suspicious/noExplicitAny: any function at all can be called
export type AnyFunction = (...args: any[]) => unknown;

/** Functions whose reference is known: they need not be waited for. */
const known = new WeakMap<AnyFunction, CallTarget>();

/** One call under way, which its caller may give up. */
export class PendingCall {
  #isGivenUp = false;
  #reason: unknown;
  #tell: ((reason: unknown) => void) | undefined;

  /** Throws the reason where it was given up already. */
  throwIfGivenUp(): void {
    if (this.#isGivenUp) throw this.#reason;
  }

  /** It has left: `tell` takes it back. */
  onSent(tell: (reason: unknown) => void): void {
    this.#tell = tell;
  }

  /** Nobody waits for the answer any more. */
  giveUp(reason: unknown): void {
    this.#isGivenUp = true;
    this.#reason = reason;
    this.#tell?.(reason);
  }
}

/** What a caller may say about a call. */
export interface CallOptions {
  /** The call, where it may be given up. */
  readonly pending?: PendingCall;
  /** Milliseconds that the function has to end by itself once the call is given up. */
  readonly graceMs?: number;
}

export class Caller {
  readonly #host: CallerHost;
  readonly #id: number;
  readonly #name: string;
  /** Resolves when the last call that had to be prepared has left; undefined when none waits. */
  #leaving: Promise<void> | undefined;

  constructor(host: CallerHost, id: number, name: string) {
    this.#host = host;
    this.#id = id;
    this.#name = name;
  }

  /**
   * Calls `fn`. Rejects with a CallError where it throws there, with a SliceError, BundleError or
   * SerializeError where it cannot be sent, with a DeadLetterError where there can be no answer.
   */
  async call(fn: AnyFunction, args: unknown[], options: CallOptions = {}): Promise<unknown> {
    const target = known.get(fn);
    if (target && !this.#leaving) return this.#answer(this.#send(target, args, options));
    const left = this.#prepare(fn, this.#leaving).then((found) => ({
      answer: this.#send(found, args, options),
    }));
    const leaving = left.then(
      () => {},
      () => {},
    );
    this.#leaving = leaving;
    leaving.then(() => {
      if (this.#leaving === leaving) this.#leaving = undefined;
    });
    return this.#answer((await left).answer);
  }

  async #prepare(fn: AnyFunction, before: Promise<void> | undefined): Promise<CallTarget> {
    const [target] = await Promise.all([known.get(fn) ?? referenceFunction(fn), before]);
    known.set(fn, target);
    return target;
  }

  #send(target: CallTarget, args: unknown[], options: CallOptions): Promise<unknown> {
    const { core } = this.#host;
    const { pending, graceMs } = options;
    pending?.throwIfGivenUp();
    const payload: CallPayload = [this.#moduleOf(target), [...target.path], args];
    const { body, signals } = encodeCall(core, payload);
    // Made only where it is needed: this is the way of every call.
    const over = signals.length > 0 ? new AbortController() : undefined;
    const answer = core.request(this.#id, handles.CALL, body, (replyHandle) => {
      const cancel = (reason: unknown, grace?: number) =>
        core.post(this.#id, handles.CANCEL, [replyHandle, reasonOf(reason), grace]);
      pending?.onSent((reason) => {
        core.unlisten(replyHandle);
        cancel(reason, graceMs);
      });
      for (const signal of signals) whenAborted(signal, cancel, over?.signal);
    });
    return over ? answer.finally(() => over.abort()) : answer;
  }

  #moduleOf(target: CallTarget): string | Buffer {
    if (target.kind === 'builtin') return target.module;
    const { hash, text, sourceMap } = target.module;
    const { modules, sourceMaps } = this.#host;
    if (!sourceMaps.has(hash.slice(0, 16))) {
      sourceMaps.set(hash.slice(0, 16), sourceMap);
      modules.add(hash, pack(text));
    }
    modules.push(hash, this.#id);
    return Buffer.from(hash, 'hex');
  }

  async #answer(answer: Promise<unknown>): Promise<unknown> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof KinetinError || !(error instanceof Error)) throw error;
      throw new CallError(error, this.#name, (hash) => this.#host.sourceMaps.get(hash));
    }
  }
}

/** The signals that `encodeCall` meets: the codec is shared, and encoding is never suspended. */
let met: AbortSignal[] = [];

/** How a signal travels: as the signal of the call that it is an argument of. */
export const callCodec: EndpointCodec = {
  encode(value) {
    if (!(value instanceof AbortSignal)) return undefined;
    met.push(value);
    return [endpoints.SIGNAL, undefined];
  },
  decode() {
    throw new ProtocolError('ERR_BAD_PAYLOAD', 'an endpoint came that the master does not know');
  },
};

/** Encodes a call; names an argument that cannot travel as the caller knows it. */
function encodeCall(
  core: CoreRouter,
  payload: CallPayload,
): { body: Buffer; signals: AbortSignal[] } {
  met = [];
  try {
    return { body: core.encode(payload, 'call'), signals: met };
  } catch (error) {
    if (!(error instanceof SerializeError)) throw error;
    const byArgument = (text: string) => text.replace(/^call\[2\]/, 'args');
    throw new SerializeError(byArgument(error.message), byArgument(error.path));
  }
}

/** Tells of the abort of `signal`, until `over` is aborted itself. */
function whenAborted(
  signal: AbortSignal,
  tell: (reason: unknown) => void,
  over: AbortSignal | undefined,
): void {
  if (signal.aborted) tell(signal.reason);
  else
    signal.addEventListener('abort', () => tell(signal.reason), {
      once: true,
      ...(over && { signal: over }),
    });
}

/** A reason is anything: what cannot travel goes as text. */
function reasonOf(reason: unknown): unknown {
  return typeof reason === 'object' && !(reason instanceof Error) ? String(reason) : reason;
}

/** Quality 5: most of the gain at a small part of the time. */
function pack(text: string): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
