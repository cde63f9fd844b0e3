/**
 * A function as another context can find it: what `call(fn, …)` sends instead of `fn`.
 * Master only.
 *
 * Built-ins go by name. Any other function is looked up in V8, cut out of the text that ran, and
 * bundled with the modules that the cut imports; the code for that is loaded when it is first needed.
 */

import { findBuiltin } from '@kinetin/core';
import type { ModuleText } from '../bundle/module.js';
import { type BundleRules, DEFAULT_RULES, PerRules } from '../bundle/rules.js';
import { notCallable } from './refusals.js';
import type { Shipped } from './ship.js';

export type { ModuleText };

/** A function as another context can find it. */
export type CallTarget =
  | {
      readonly kind: 'builtin';
      /** Without `node:`; empty for a global. */
      readonly module: string;
      /** From the module or the global object; the last but one is the call's `this`. */
      readonly path: readonly string[];
    }
  | {
      readonly kind: 'module';
      readonly module: ModuleText;
      /** From `module.exports`; the last but one is the call's `this`. */
      readonly path: readonly string[];
    };

// biome-ignore lint/complexity/noBannedTypes: any function at all
type AnyFunction = Function;

const byFunctionUnder = new PerRules(() => new WeakMap<AnyFunction, Promise<CallTarget>>());

/**
 * Finds or makes what stands for `fn` in another context. Nothing is sent.
 *
 * A function is looked at once under the same rules; so is a place in a file, however often a closure is
 * made there.
 *
 * @throws {SliceError} ERR_NOT_CALLABLE, ERR_FREE_IDENTIFIER
 * @throws {BundleError} ERR_BUNDLE, ERR_NATIVE_ADDON, ERR_DENIED
 */
export function referenceFunction(fn: AnyFunction, rules = DEFAULT_RULES): Promise<CallTarget> {
  if (typeof fn !== 'function') {
    return Promise.reject(notCallable(String(fn), 'a value that is no function; pass a function'));
  }
  const byFunction = byFunctionUnder.of(rules);
  let target = byFunction.get(fn);
  if (!target) {
    target = makeReference(fn, rules);
    byFunction.set(fn, target);
    target.catch(() => byFunction.delete(fn));
  }
  return target;
}

/**
 * The same for a class, of which the other context makes an instance. Nothing is sent.
 *
 * @throws as {@link referenceFunction}
 */
export async function referenceClass(type: AnyFunction, rules = DEFAULT_RULES): Promise<Shipped> {
  const { shipClass } = await import('./ship.js');
  return await shipClass(type, rules);
}

async function makeReference(fn: AnyFunction, rules: BundleRules): Promise<CallTarget> {
  const builtin = findBuiltin(fn);
  if (builtin) return { kind: 'builtin', ...builtin };
  const { shipFunction } = await import('./ship.js');
  return { kind: 'module', ...(await shipFunction(fn, rules)) };
}
