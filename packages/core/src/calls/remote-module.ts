/**
 * The type of a module of another context, as its user holds it.
 */

import type { AnyFunction, Given, Result } from './sendable.js';

/** A function that runs in another context. */
export type RemoteFunction<Fn extends AnyFunction> = <const Args extends unknown[]>(
  ...args: Given<Fn, Args>
) => Promise<Result<Fn, Args>>;

/** The functions that a module exports; nothing else of it can be reached. */
export type RemoteModule<Module extends object> = {
  readonly [Name in keyof Module as Module[Name] extends AnyFunction
    ? Name
    : never]: Module[Name] extends AnyFunction ? RemoteFunction<Module[Name]> : never;
};
