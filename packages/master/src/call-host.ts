/**
 * How the master names functions: cut out of their files, bundled, and sent ahead as modules.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import {
  type AnyFunction,
  type CallHost,
  type CallTarget,
  type Router as CoreRouter,
  type ModuleStore,
  moduleFileName,
  printable,
  type ServiceClass,
  withOwnNames,
  withoutFrames,
} from '@kinetin/core';
import { EXTERNAL_FRAMES } from './bundle/external.js';
import type { ModuleText } from './bundle/module.js';
import { type BundleRules, PerRules } from './bundle/rules.js';
import { makeProxy } from './imports/remote-module.js';
import { pushedModule } from './pushed.js';
import { referenceClass, referenceFunction } from './slice/reference.js';
import { notCallable } from './slice/refusals.js';
import { mapStack } from './stacks.js';

/** What marks the frames of Kinetin itself: of no use to those who read a stack. */
const CORE = [
  'kinetin:core',
  ...EXTERNAL_FRAMES,
  ...(['thread', 'context'] as const).map((name) => moduleFileName(pushedModule(name).hash)),
];
const PACKAGES = [
  fileURLToPath(import.meta.url),
  createRequire(import.meta.url).resolve('@kinetin/core'),
].flatMap((file) => ['dist', 'src'].map((folder) => join(dirname(file), '..', folder, '/')));

/** A function in a module that travels. */
class ModuleTarget implements CallTarget {
  readonly module: Buffer;
  readonly path: readonly string[];
  readonly text: ModuleText;

  constructor(text: ModuleText, path: readonly string[]) {
    this.module = Buffer.from(text.hash, 'hex');
    this.path = path;
    this.text = text;
  }
}

/** Those that may be used under the same rules, also by another router. */
const knownUnder = new PerRules(() => new WeakMap<AnyFunction, CallTarget>());
/** Functions of imported modules, whoever has imported them. */
const imported = new WeakSet<AnyFunction>();

export class MasterCallHost implements CallHost {
  readonly core: CoreRouter;
  readonly known: WeakMap<AnyFunction, CallTarget>;
  readonly #modules: ModuleStore;
  readonly #rules: BundleRules;
  /** Source maps of the modules that were shipped, by the first 16 digits of their hash. */
  readonly #sourceMaps = new Map<string, string>();

  readonly #services = new WeakMap<ServiceClass, Promise<CallTarget>>();

  constructor(core: CoreRouter, modules: ModuleStore, rules: BundleRules) {
    this.core = core;
    this.#modules = modules;
    this.#rules = rules;
    this.known = knownUnder.of(rules);
  }

  async reference(fn: AnyFunction): Promise<CallTarget> {
    // Those that may be sent by this router are known.
    if (imported.has(fn)) {
      const why = 'of a module that was imported with another router, whose option bundle differs';
      throw notCallable(fn.name, `${why}; import it with this one`);
    }
    const target = await referenceFunction(fn, this.#rules);
    return target.kind === 'builtin' ? target : new ModuleTarget(target.module, target.path);
  }

  async referenceService(type: ServiceClass): Promise<CallTarget | undefined> {
    if (type.length > 0) return undefined;
    let target = this.#services.get(type);
    if (!target) {
      target = referenceClass(type, this.#rules).then(
        ({ module, path }) => new ModuleTarget(module, path),
      );
      this.#services.set(type, target);
      target.catch(() => this.#services.delete(type));
    }
    return await target;
  }

  ship(target: CallTarget | undefined, id: number, usesContext: boolean): void {
    const isModule = target instanceof ModuleTarget;
    if (usesContext || (isModule && target.text.usesContext)) {
      this.#modules.push(pushedModule('context').hash, id);
    }
    if (!isModule) return;
    const { hash, text, sourceMap } = target.text;
    if (!this.#sourceMaps.has(hash.slice(0, 16))) {
      this.#sourceMaps.set(hash.slice(0, 16), sourceMap);
      this.#modules.add(hash, pack(text));
    }
    this.#modules.push(hash, id);
  }

  runtimeModule(id: number): Buffer {
    const { hash } = pushedModule('runtime');
    this.#modules.push(hash, id);
    return Buffer.from(hash, 'hex');
  }

  remoteStack(stack: string): string {
    const mapped = mapStack(stack, (hash) => this.#sourceMaps.get(hash));
    return withOwnNames(withoutFrames(mapped, CORE)).split('\n').map(printable).join('\n');
  }

  localStack(stack: string): string {
    return withoutFrames(stack, PACKAGES);
  }

  async importModule(
    url: URL | string,
    remote: (target: CallTarget) => AnyFunction,
    call: (fn: AnyFunction) => Promise<unknown>,
  ): Promise<object> {
    const { bundleFile } = await import('./imports/bundle-file.js');
    const { module, describePath, pathTo } = await bundleFile(url, this.#rules);
    const functionAt = (path: readonly string[]) => {
      const fn = remote(new ModuleTarget(module, path));
      imported.add(fn);
      return fn;
    };
    const described = await call(functionAt(describePath));
    return makeProxy(module.name, described, (name) => functionAt(pathTo(name)));
  }
}

/** Quality 5: most of the gain at a small part of the time. */
function pack(text: string): Buffer {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}
