/**
 * A function as another context can find it: what `call(fn, …)` sends instead of `fn`.
 * Master only.
 *
 * Built-ins go by name. Any other function is looked up in V8, cut out of the text that ran, and
 * bundled with the modules that the cut imports.
 */
import { basename } from 'node:path';
import { bundleModule, type ModuleText } from '../bundle/module.js';
import { SliceError } from '../errors.js';
import { findBuiltin } from './builtins.js';
import { type Location, locateFunction, readScript, type Unlocated } from './inspect.js';
import { describeOrigin, type Origins, readOrigins } from './origin.js';
import { type FilePieces, readPieces } from './pieces.js';
import type { Obstacle } from './reach.js';
import { type Slice, sliceCut, sliceExports, slicePlace } from './slice.js';
import { offsetAt, parseText } from './syntax.js';
import { DEFAULT_EXPORT, findTarget, type Target } from './target.js';

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

/** An executed file that functions were found in. */
interface KnownFile {
  readonly pieces: FilePieces;
  readonly origins: Origins;
}

const byFunction = new WeakMap<AnyFunction, Promise<CallTarget>>();
const byLocation = new Map<string, Promise<CallTarget>>();
const files = new Map<string, KnownFile>();

/**
 * Finds or makes what stands for `fn` in another context. Nothing is sent.
 *
 * A function is looked at once; so is a place in a file, however often a closure is made there.
 *
 * @throws {SliceError} ERR_NOT_CALLABLE, ERR_FREE_IDENTIFIER
 * @throws {BundleError} ERR_BUNDLE, ERR_NATIVE_ADDON
 */
export function referenceFunction(fn: AnyFunction): Promise<CallTarget> {
  if (typeof fn !== 'function') {
    return Promise.reject(notCallable(String(fn), 'a value that is no function; pass a function'));
  }
  let target = byFunction.get(fn);
  if (!target) {
    target = makeReference(fn);
    byFunction.set(fn, target);
    target.catch(() => byFunction.delete(fn));
  }
  return target;
}

async function makeReference(fn: AnyFunction): Promise<CallTarget> {
  const builtin = findBuiltin(fn);
  if (builtin) return { kind: 'builtin', ...builtin };
  const location = locateFunction(fn);
  if (location.kind !== 'script') throw notCallable(nameOf(fn), reasonOf(location));
  const key = `${location.scriptId}:${location.line}:${location.column}`;
  let target = byLocation.get(key);
  if (!target) {
    target = shipFunction(fn, location);
    byLocation.set(key, target);
    target.catch(() => byLocation.delete(key));
  }
  return target;
}

async function shipFunction(fn: AnyFunction, location: Location): Promise<CallTarget> {
  if (readScript(location.scriptId).url.startsWith('node:')) {
    throw notCallable(nameOf(fn), reasonOf({ kind: 'native' }));
  }
  const { pieces, origins } = openFile(location.scriptId);
  const offset = offsetAt(pieces.syntax.text, location.line, location.column);
  const where = describeOrigin(origins.at(offset));
  const target = findTarget(pieces, offset);
  if (!target) throw notCallable(nameOf(fn), `not found at ${where}; declare it in a file`);
  if (target.kind === 'refusal') throw notCallable(`${nameOf(fn)} (${where})`, target.reason);
  const slice = target.kind === 'place' ? slicePlace(pieces, target) : sliceCut(pieces, target);
  if (slice.obstacles.length > 0) throw freeIdentifiers(`${nameOf(fn)} (${where})`, slice, origins);
  const module = await bundleModule({
    text: slice.text,
    name: shipName(fn, target, where),
    file: origins.file,
    map: origins.map,
    exportsText: () => exportsText({ pieces, origins }),
  });
  return { kind: 'module', module, path: slice.path };
}

function openFile(scriptId: string): KnownFile {
  let file = files.get(scriptId);
  if (!file) {
    const script = readScript(scriptId);
    const origins = readOrigins(script);
    const name = origins.file ?? (script.url || '<eval>');
    file = { origins, pieces: readPieces(parseText(script.text, script.isModule, name)) };
    files.set(scriptId, file);
  }
  return file;
}

/** The file as the modules that it imports may in turn import it. */
function exportsText({ pieces, origins }: KnownFile): string {
  const slice = sliceExports(pieces);
  if (slice.obstacles.length > 0) throw freeIdentifiers(`${origins.file}`, slice, origins);
  return slice.text;
}

/** `tasks.ts#diskUsage`, or `tasks.ts:12:5` for a function without a name. */
function shipName(fn: AnyFunction, target: Target, where: string): string {
  const names = target.kind === 'place' ? [target.name, ...target.path] : [fn.name];
  const name = names.join('.').replace(DEFAULT_EXPORT, 'default');
  return name === '' ? basename(where) : `${basename(where).replace(/:\d+:\d+$/, '')}#${name}`;
}

function nameOf(fn: AnyFunction): string {
  return typeof fn.name === 'string' && fn.name !== '' ? fn.name : 'an unnamed function';
}

function reasonOf({ kind }: Unlocated): string {
  switch (kind) {
    case 'bound':
      return 'a bound function, and what it is bound to does not travel; send the function itself';
    case 'proxy':
      return 'a proxy, and its traps do not travel; send a plain function';
    case 'native':
      return 'native code without a name in any loaded module; send a function that calls it';
  }
}

function notCallable(what: string, reason: string): SliceError {
  return new SliceError('ERR_NOT_CALLABLE', `cannot send ${what}: it is ${reason}`);
}

const REASONS: Record<Obstacle['reason'], string> = {
  enclosing: 'of the code around it, which does not travel',
  awaits: 'whose value comes from an await at the top level',
  changed: 'which a top-level statement changes that does other things too',
};

function freeIdentifiers(what: string, { obstacles }: Slice, origins: Origins): SliceError {
  const identifiers = obstacles.map(({ name, offset }) => ({ name, ...origins.at(offset) }));
  const uses = Object.entries(REASONS).flatMap(([reason, words]) => {
    const those = obstacles.filter((obstacle) => obstacle.reason === reason);
    const names = those.map(
      ({ name, offset }) => `${name} (${describeOrigin(origins.at(offset))})`,
    );
    return names.length > 0 ? [`${names.join(', ')} ${words}`] : [];
  });
  const advice = 'pass values as arguments, and declare functions at the top level of a file';
  const message = `cannot send ${what}: it uses ${uses.join(', and ')}; ${advice}`;
  return new SliceError('ERR_FREE_IDENTIFIER', message, identifiers);
}
