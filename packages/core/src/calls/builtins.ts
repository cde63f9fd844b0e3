/**
 * Built-in functions by identity: `os.hostname` is the function at `hostname` of module `os` in
 * every context.
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

/** Globals that Node adds. */
const NODE_GLOBALS = ['process', 'Buffer', 'fetch', 'queueMicrotask', 'structuredClone'].concat(
  ['Timeout', 'Interval', 'Immediate'].flatMap((kind) => [`set${kind}`, `clear${kind}`]),
);

/** Deprecated, or the same as a global. */
const SKIPPED_MODULES = new Set(['punycode', 'sys', 'domain', 'process']);

let known = new Map<unknown, Builtin>();
let knownModules = 0;
/** Adds to `known`, step by step: most functions are found in the first steps. */
let search: Iterator<void> = [][Symbol.iterator]();

export function findBuiltin(fn: unknown): Builtin | undefined {
  const modules = loadedModules();
  if (!known.has(fn) && modules.length !== knownModules) {
    knownModules = modules.length;
    known = new Map();
    search = collectBuiltins(known, modules);
  }
  while (!known.has(fn) && !search.next().done);
  return known.get(fn);
}

/** The first name of a function wins: globals come first, and shorter names. */
function* collectBuiltins(
  found: Map<unknown, Builtin>,
  modules: readonly string[],
): Generator<void> {
  const add = (value: unknown, at: Builtin) => {
    if (typeof value === 'function' && !found.has(value)) found.set(value, at);
  };
  const plain = modules.filter((name) => !name.includes('/'));
  // Older Nodes lack modules such as `fs/promises`.
  const nested = modules.filter((name) => name.includes('/'));
  for (const ownersOf of [
    globals,
    () => plain.flatMap(moduleMembers),
    () => nested.flatMap(moduleMembers),
  ]) {
    const owners = ownersOf();
    for (const [value, at] of owners) add(value, at);
    yield;
    for (const [owner, { module, path }] of owners) {
      for (const [key, value] of members(owner)) add(value, { module, path: [...path, key] });
    }
    yield;
  }
}

function moduleMembers(module: string): [unknown, Builtin][] {
  const exported = builtinModule(module);
  const plain = [...members(exported)].map(([key, value]) => [value, [key]] as const);
  // `fs.promises` and its like are getters that load: read only where that has happened.
  const isThere = [`internal/${module}/promises`, `${module}/promises`].some(isLoaded);
  if (isThere) plain.push([Reflect.get(exported ?? {}, 'promises'), ['promises']]);
  return plain.map(([value, path]) => [value, { module, path }]);
}

/** Contexts have `require`, whatever their Node; a program of ECMAScript modules has the other. */
function builtinModule(name: string): unknown {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown };
  return getBuiltinModule ? getBuiltinModule(name) : require(name);
}

/** Public modules in use. */
function loadedModules(): string[] {
  return builtinModules.filter((name) => {
    return isLoaded(name) && !name.startsWith('_') && !SKIPPED_MODULES.has(name);
  });
}

function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
  return moduleLoadList.includes(`NativeModule ${name}`);
}

/**
 * Those of the language come first, and `process` is the first of Node. Only to ask for the later ones
 * loads what is behind them: from Node 22 on 20 to 50 ms.
 */
function globals(): [unknown, Builtin][] {
  const all = Object.getOwnPropertyNames(globalThis);
  const ofLanguage = all.slice(0, all.indexOf('process')).filter((name) => {
    const { enumerable, get, value } = Object.getOwnPropertyDescriptor(globalThis, name)!;
    return !enumerable && !get && value !== globalThis;
  });
  return [...ofLanguage, ...NODE_GLOBALS].map((name) => [
    Reflect.get(globalThis, name),
    { module: '', path: [name] },
  ]);
}

/** Data properties only. */
function* members(value: unknown): Generator<[string, unknown]> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
  for (const key of Object.getOwnPropertyNames(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)!;
    if ('value' in descriptor && key !== 'constructor') yield [key, descriptor.value];
  }
}
