/**
 * Built-in functions by identity: `os.hostname` is the function at `hostname` of module `os` in
 * every context. Master only.
 *
 * Invariant: loads no module and runs no getter that could load or warn. A function that the
 * program holds comes from a module that is loaded already.
 */
import { builtinModules } from 'node:module';

export interface Builtin {
  /** Without `node:`; empty for a global. */
  readonly module: string;
  readonly path: readonly string[];
}

/** Globals that Node adds; those of the language are found by not being enumerable. */
const NODE_GLOBALS = ['process', 'Buffer', 'fetch', 'queueMicrotask', 'structuredClone'].concat(
  ['Timeout', 'Interval', 'Immediate'].flatMap((kind) => [`set${kind}`, `clear${kind}`]),
);

/** Deprecated, or the same as a global. */
const SKIPPED_MODULES = new Set(['punycode', 'sys', 'domain', 'process']);

let known = new Map<unknown, Builtin>();
let knownModules = 0;

export function findBuiltin(fn: unknown): Builtin | undefined {
  const found = known.get(fn);
  if (found) return found;
  const modules = loadedModules();
  if (modules.length === knownModules) return undefined;
  knownModules = modules.length;
  known = collectBuiltins(modules);
  return known.get(fn);
}

function collectBuiltins(modules: readonly string[]): Map<unknown, Builtin> {
  const found = new Map<unknown, Builtin>();
  for (const [name, value] of globals()) collect(found, value, { module: '', path: [name] });
  for (const module of modules) {
    for (const [key, value] of members(process.getBuiltinModule(module))) {
      collect(found, value, { module, path: [key] });
    }
    for (const [key, value] of promisesOf(module)) {
      collect(found, value, { module, path: ['promises', key] });
    }
  }
  return found;
}

/** Adds a value and, one level down, its members. The first name of a function wins. */
function collect(found: Map<unknown, Builtin>, value: unknown, at: Builtin): void {
  if (typeof value === 'function' && !found.has(value)) found.set(value, at);
  for (const [key, member] of members(value)) {
    if (typeof member !== 'function' || found.has(member)) continue;
    found.set(member, { module: at.module, path: [...at.path, key] });
  }
}

/** Public modules in use, plain names before such as `fs/promises`, which older Nodes lack. */
function loadedModules(): string[] {
  const names = builtinModules.filter((name) => isLoaded(name) && !name.startsWith('_'));
  const depth = (name: string) => name.split('/').length;
  return names.filter((name) => !SKIPPED_MODULES.has(name)).sort((a, b) => depth(a) - depth(b));
}

function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  return moduleLoadList.includes(`NativeModule ${name}`);
}

function globals(): (readonly [string, unknown])[] {
  const ofNode = NODE_GLOBALS.map((name) => [name, Reflect.get(globalThis, name)] as const);
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(globalThis));
  const ofLanguage = descriptors.filter(([, { enumerable, get }]) => !enumerable && !get);
  return [...ofLanguage.map(([name, { value }]) => [name, value] as const), ...ofNode];
}

/** Data properties only. */
function* members(value: unknown): Generator<[string, unknown]> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if ('value' in descriptor && key !== 'constructor') yield [key, descriptor.value];
  }
}

/** `fs.promises` and its like are getters that load: read only where that has happened. */
function promisesOf(module: string): Iterable<[string, unknown]> {
  const isThere = [`internal/${module}/promises`, `${module}/promises`].some(isLoaded);
  return isThere ? members(Reflect.get(process.getBuiltinModule(module) ?? {}, 'promises')) : [];
}
