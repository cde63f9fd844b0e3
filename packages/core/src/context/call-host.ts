/**
 * Pushed: part of the `context` bundle.
 *
 * How a context names functions: built-ins, and what the modules export that run in it.
 */

import { findBuiltin } from '../calls/builtins.js';
import { withOwnNames, withoutFrames } from '../calls/call-error.js';
import type { CallHost, CallTarget } from '../calls/host.js';
import type { AnyFunction } from '../calls/sendable.js';
import { ModuleError } from '../errors.js';
import type { Router } from '../routing/router.js';
import type { Config } from '../runtime/config.js';
import type { Exports, Loader } from '../runtime/loader.js';
import type { ServiceClass } from '../services/service.js';
import { printable } from '../wire/printable.js';
import type { Orphans } from './orphans.js';

/** The hash of the bundle `runtime`; set when this one is built. */
declare const RUNTIME_MODULE: string;

export class ContextCallHost implements CallHost {
  readonly known: WeakMap<AnyFunction, CallTarget> = new WeakMap();
  /** What marks the frames of Kinetin itself: the core, this bundle, and the `thread` bundle. */
  private _own: string[];

  constructor(
    readonly core: Router,
    private _loader: Loader,
    private _orphans: Orphans,
    { threadModule }: Config,
  ) {
    const thread = Buffer.from(threadModule).toString('hex').slice(0, 16);
    this._own = ['kinetin:core', __filename, `kinetin:${thread}`];
  }

  async reference(fn: AnyFunction): Promise<CallTarget> {
    const target = findBuiltin(fn) || this._findExport(fn);
    if (target) return target;
    throw new ModuleError(
      'ERR_NOT_CALLABLE',
      `cannot call ${fn.name || 'a function'} elsewhere: it is neither a built-in nor exported by ` +
        'what runs here; declare it at the top level of the file whose function was called, or import ' +
        'it there by name',
    );
  }

  async referenceService(type: ServiceClass): Promise<CallTarget | undefined> {
    return type.length > 0 ? undefined : this._findExport(type as unknown as AnyFunction);
  }

  /** Who needs the module asks for it, by way of those above. */
  ship(_target: CallTarget | undefined, id: number): void {
    this._orphans.add(id);
  }

  runtimeModule(): Buffer {
    return Buffer.from(RUNTIME_MODULE, 'hex');
  }

  remoteStack(stack: string): string {
    return withOwnNames(withoutFrames(stack, this._own)).split('\n').map(printable).join('\n');
  }

  localStack(stack: string): string {
    return withoutFrames(stack, this._own);
  }

  importModule(): Promise<object> {
    return Promise.reject(
      new ModuleError(
        'ERR_ONLY_MASTER',
        'import is not possible in a context: the files are where the master is; call a function',
      ),
    );
  }

  private _findExport(fn: AnyFunction): CallTarget | undefined {
    for (const [hash, exports] of this._loader.modules) {
      const path = pathTo(fn, exports, 2);
      if (path) return { module: Buffer.from(hash, 'hex'), path };
    }
    return undefined;
  }
}

function pathTo(fn: AnyFunction, owner: Exports, levels: number): string[] | undefined {
  for (const key of Object.keys(owner)) {
    const value = owner[key];
    if (value === fn) return [key];
    if (levels > 1 && value && typeof value === 'object') {
      const rest = pathTo(fn, value as Exports, levels - 1);
      if (rest) return [key, ...rest];
    }
  }
  return undefined;
}
