/**
 * Functions that are no built-ins, as modules. Master only.
 */
import { basename } from 'node:path';
import { bundleModule, type ModuleText } from '../bundle/module.js';
import { type BundleRules, PerRules } from '../bundle/rules.js';
import { type Location, locateFunction, readScript } from './inspect.js';
import { describeOrigin, type Origins, readOrigins } from './origin.js';
import { type FilePieces, readPieces } from './pieces.js';
import { freeIdentifiers, nameOf, notCallable, notLocated } from './refusals.js';
import { sliceCut, sliceExports, slicePlace } from './slice.js';
import { offsetAt, parseText } from './syntax.js';
import { DEFAULT_EXPORT, findClass, findTarget, type Target } from './target.js';

/** A module, and the path from its exports to the function. */
export interface Shipped {
  readonly module: ModuleText;
  readonly path: readonly string[];
}

// biome-ignore lint/complexity/noBannedTypes: any function at all
type AnyFunction = Function;

/** An executed file that functions were found in. */
interface KnownFile {
  readonly pieces: FilePieces;
  readonly origins: Origins;
}

const byLocationUnder = new PerRules(() => new Map<string, Promise<Shipped>>());
const files = new Map<string, KnownFile>();

/** Makes a module of a function, once for each place in a file under the same rules. */
export function shipFunction(fn: AnyFunction, rules: BundleRules): Promise<Shipped> {
  return ship(fn, findTarget, rules);
}

/** The same of a class, of which instances are made elsewhere. */
export function shipClass(type: AnyFunction, rules: BundleRules): Promise<Shipped> {
  return ship(type, findClass, rules);
}

function ship(fn: AnyFunction, find: typeof findTarget, rules: BundleRules): Promise<Shipped> {
  const byLocation = byLocationUnder.of(rules);
  const location = locateFunction(fn);
  if (location.kind !== 'script') throw notLocated(fn, location.kind);
  const key = `${find.name}:${location.scriptId}:${location.line}:${location.column}`;
  let shipped = byLocation.get(key);
  if (!shipped) {
    shipped = makeModule(fn, location, find, rules);
    byLocation.set(key, shipped);
    shipped.catch(() => byLocation.delete(key));
  }
  return shipped;
}

async function makeModule(
  fn: AnyFunction,
  location: Location,
  find: typeof findTarget,
  rules: BundleRules,
): Promise<Shipped> {
  if (readScript(location.scriptId).url.startsWith('node:')) throw notLocated(fn, 'native');
  const { pieces, origins } = openFile(location.scriptId);
  const offset = offsetAt(pieces.syntax.text, location.line, location.column);
  const where = describeOrigin(origins.at(offset));
  const target = find(pieces, offset);
  if (!target) throw notCallable(nameOf(fn), `not found at ${where}; declare it in a file`);
  if (target.kind === 'refusal') throw notCallable(`${nameOf(fn)} (${where})`, target.reason);
  const slice = target.kind === 'place' ? slicePlace(pieces, target) : sliceCut(pieces, target);
  const { text, path, obstacles } = slice;
  if (obstacles.length > 0) throw freeIdentifiers(`${nameOf(fn)} (${where})`, obstacles, origins);
  const { file, map } = origins;
  const exportsText = () => exportsOf({ pieces, origins });
  const name = shipName(fn, target, where);
  const { isModule } = pieces.syntax;
  const source = { text, name, file, map, isModule, exportsText };
  return { module: await bundleModule(source, rules), path };
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
function exportsOf({ pieces, origins }: KnownFile): string {
  const slice = sliceExports(pieces);
  if (slice.obstacles.length > 0)
    throw freeIdentifiers(`${origins.file}`, slice.obstacles, origins);
  return slice.text;
}

/** `tasks.ts#diskUsage`, or `tasks.ts:12:5` for a function without a name. */
function shipName(fn: AnyFunction, target: Target, where: string): string {
  const names = target.kind === 'place' ? [target.name, ...target.path] : [fn.name];
  const name = names.join('.').replace(DEFAULT_EXPORT, 'default');
  return name === '' ? basename(where) : `${basename(where).replace(/:\d+:\d+$/, '')}#${name}`;
}
