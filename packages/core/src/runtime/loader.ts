/**
 * Pushed: part of the core, in every context.
 *
 * Runs modules: each once, from memory, under a file name by which the master finds its source map.
 */

import { Module } from 'node:module';

/** What a module exports. */
export type Exports = Record<string, unknown>;

/** The file name that a module has in stacks. */
export const moduleFileName = (hash: string): string => `kinetin:${hash.slice(0, 16)}`;

interface OpenModule {
  filename: string;
  paths: string[];
  exports: Exports;
  require(id: string): unknown;
  _compile(text: string, fileName: string): void;
}

/** Evaluates CommonJS text. Only built-in modules and those of `provided` can be required. */
export function evaluate(hash: string, text: string, provided: Exports): Exports {
  const fileName = moduleFileName(hash);
  const module = new Module(fileName) as unknown as OpenModule;
  const { require } = module;
  module.filename = fileName;
  module.paths = [];
  module.require = (id) => {
    if (Object.prototype.hasOwnProperty.call(provided, id)) return provided[id];
    // Nothing of the machine that it happens to run on.
    if (/^[./]/.test(id)) throw new Error(`Cannot find module '${id}'`);
    return require.call(module, id);
  };
  // Quoted: the bundler renames what begins with an underscore.
  module['_compile'](text, fileName);
  return module.exports;
}

/** Loads each module once. A module that could not be had or run is tried again by the next call. */
export class Loader {
  /** What has been loaded, by hash. */
  readonly modules: Map<string, Exports> = new Map();

  private _loading: Map<string, Promise<Exports>> = new Map();

  constructor(
    public getText: (hash: string) => Promise<string>,
    /** What modules can require beside built-ins. */
    readonly provided: Exports,
  ) {}

  /** The exports, where the module has been loaded. */
  loaded(hash: string): Exports | undefined {
    return this.modules.get(hash);
  }

  load(hash: string): Promise<Exports> {
    let loading = this._loading.get(hash);
    if (!loading) {
      loading = this.getText(hash).then((text) => {
        const exports = evaluate(hash, text, this.provided);
        this.modules.set(hash, exports);
        return exports;
      });
      loading.catch(() => this._loading.delete(hash));
      this._loading.set(hash, loading);
    }
    return loading;
  }
}
