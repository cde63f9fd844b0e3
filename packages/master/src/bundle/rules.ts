/**
 * What a router's option `bundle` asks for, checked and ready for use. Master only.
 */
import type { Loader, Plugin } from 'esbuild';
import type { Listed } from './listed.js';

/** Loaders of esbuild, but for those that put files beside the bundle: these would stay here. */
export type DataLoader = Exclude<Loader, 'file' | 'copy' | 'css' | 'local-css' | 'default'>;

export interface BundleRules {
  /** Matches the names of packages that are not sent; undefined: all are. */
  readonly external?: RegExp | undefined;
  /** The same, as files are known: of functions that are of such a package themselves. */
  readonly externalFiles: readonly Listed[];
  /** Nothing else may leave; undefined: all may. */
  readonly allow?: readonly Listed[] | undefined;
  /** Must not leave. */
  readonly deny: readonly Listed[];
  readonly plugins: readonly Plugin[];
  readonly loader: Readonly<Record<string, DataLoader>>;
}

/** Those of all routers without the option. */
export const DEFAULT_RULES: BundleRules = {
  externalFiles: [],
  deny: [],
  plugins: [],
  loader: {},
};

/**
 * A value for each set of rules, which lives as long as those do: what was bundled under the rules of a
 * router is gone with it.
 */
export class PerRules<Value> {
  readonly #make: () => Value;
  readonly #values = new WeakMap<BundleRules, Value>();

  constructor(make: () => Value) {
    this.#make = make;
  }

  of(rules: BundleRules): Value {
    let value = this.#values.get(rules);
    if (value === undefined) this.#values.set(rules, (value = this.#make()));
    return value;
  }
}
