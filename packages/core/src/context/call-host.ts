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
import type { Exports, Loader } from '../runtime/loader.js';
import { printable } from '../wire/printable.js';

/** What marks the frames of Kinetin itself. */
const OWN = ['kinetin:core'];

export class ContextCallHost implements CallHost {
  constructor(
    readonly core: Router,
    private _loader: Loader,
  ) {}

  async reference(fn: AnyFunction): Promise<CallTarget> {
    const target = findBuiltin(fn) || this._findExport(fn);
    if (target) return target;
    throw new ModuleError(
      'ERR_NOT_CALLABLE',
      `cannot call ${fn.name || 'a function'} elsewhere: it is neither a built-in nor exported by ` +
        'its file; export it',
    );
  }

  /** Who needs the module asks for it, by way of those above. */
  ship(): void {}

  remoteStack(stack: string): string {
    return withOwnNames(withoutFrames(stack, OWN)).split('\n').map(printable).join('\n');
  }

  localStack(stack: string): string {
    return withoutFrames(stack, OWN);
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
