/**
 * Calls functions in one context: finds what they are, ships them ahead, and brings the answers back
 * as values or errors. Calls leave in the order in which they were made.
 */

import { brotliCompressSync, constants } from 'node:zlib';
import {
  type CallPayload,
  type Router as CoreRouter,
  handles,
  KinetinError,
  type ModuleStore,
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
  async call(fn: AnyFunction, args: unknown[]): Promise<unknown> {
    const target = known.get(fn);
    if (target && !this.#leaving) return this.#answer(this.#send(target, args));
    const left = this.#prepare(fn, this.#leaving).then((found) => ({
      answer: this.#send(found, args),
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

  #send(target: CallTarget, args: unknown[]): Promise<unknown> {
    const { core } = this.#host;
    const payload: CallPayload = [this.#moduleOf(target), [...target.path], args];
    return core.request(this.#id, handles.CALL, encodeCall(core, payload));
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

/** Encodes a call; names an argument that cannot travel as the caller knows it. */
function encodeCall(core: CoreRouter, payload: CallPayload): Buffer {
  try {
    return core.encode(payload, 'call');
  } catch (error) {
    if (!(error instanceof SerializeError)) throw error;
    const byArgument = (text: string) => text.replace(/^call\[2\]/, 'args');
    throw new SerializeError(byArgument(error.message), byArgument(error.path));
  }
}

/** Quality 5: most of the gain at a small part of the time. */
function pack(text: string): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
