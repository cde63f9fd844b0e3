/**
 * What calls need of where they are made: the master and a context differ in how they name functions.
 */

import type { Router } from '../routing/router.js';
import type { ServiceClass } from '../services/service.js';
import type { AnyFunction } from './sendable.js';

/** A function as another context finds it. */
export interface CallTarget {
  /** Name of a built-in module, without `node:`, empty for a global; or the hash of a module. */
  readonly module: string | Buffer;
  /** From what the module exports; the last but one is the call's `this`. */
  readonly path: readonly string[];
}

export interface CallHost {
  readonly core: Router;
  /** Functions whose target is known: they need not be waited for. */
  readonly known: WeakMap<AnyFunction, CallTarget>;
  /** Finds or makes what stands for `fn` elsewhere. Nothing is sent; throws where there is nothing. */
  reference(fn: AnyFunction): Promise<CallTarget>;
  /** The same for the class of a service; undefined where it cannot be started by those who call it. */
  referenceService(type: ServiceClass): Promise<CallTarget | undefined>;
  /**
   * Sends the module of `target` ahead to context `id`, where that is needed; with `usesContext` also
   * the `context` bundle, which it takes to read endpoints and to keep the order of a chain.
   */
  ship(target: CallTarget | undefined, id: number, usesContext: boolean): void;
  /** The hash of the bundle `runtime`, which context `id` will have. */
  runtimeModule(id: number): Buffer;
  /** A stack of another context in terms of source files, without frames of Kinetin, for terminals. */
  remoteStack(stack: string): string;
  /** A stack of this process without frames of Kinetin. */
  localStack(stack: string): string;
  /** See {@link Calls.import}. */
  importModule(
    url: URL | string,
    remote: (target: CallTarget) => AnyFunction,
    call: (fn: AnyFunction) => Promise<unknown>,
  ): Promise<object>;
}

/** The context that is called. */
export interface Callee {
  readonly id: number;
  readonly name: string;
  /** Where id and name are not known yet: resolves when they are, or never will be. Never rejects. */
  readonly numbered?: Promise<void> | undefined;
  /** Settles with the connection. */
  readonly connected: Promise<unknown>;
}
