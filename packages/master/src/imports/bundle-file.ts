/**
 * A whole file as a module that a context can load: it is bundled as it is, and a few lines in front
 * of it tell what it exports. Master only.
 */

import { statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleModule, type ModuleText } from '../bundle/module.js';
import { DEFAULT_RULES } from '../bundle/rules.js';
import { sourceFile } from '../bundle/source-file.js';
import { BundleError } from '../errors.js';

/** A bundled file, and the ways in it from the module's exports. */
export interface BundledFile {
  readonly module: ModuleText;
  /** To a function that returns a {@link Description} of the file's exports. */
  readonly describePath: readonly string[];
  /** To one of the file's exports. */
  pathTo(name: string): readonly string[];
}

/** The names of the exports, each with what it is: `function`, `class`, `string`. */
export type Description = [name: string, kind: string][];

/**
 * Bundles the file that a `file:` URL or an absolute path names, once under the same rules.
 *
 * @throws TypeError with the code ERR_INVALID_ARG; {@link BundleError} ERR_BUNDLE, ERR_NATIVE_ADDON,
 * ERR_DENIED
 */
export async function bundleFile(url: URL | string, rules = DEFAULT_RULES): Promise<BundledFile> {
  const path = pathOf(url);
  const file = sourceFile(path);
  if (file === undefined || !statSync(file).isFile()) {
    const why = file === undefined ? 'there is no such file' : 'it is no file';
    const message = `cannot import ${path}: ${why}; give the path of a module of this program`;
    throw new BundleError('ERR_BUNDLE', message);
  }
  const text = textFor(file);
  const module = await bundleModule({ text, name: basename(file), file, map: undefined }, rules);
  return { module, describePath: ['describe'], pathTo: (name) => ['exported', name] };
}

function pathOf(url: URL | string): string {
  const text = String(url);
  if (text.startsWith('file:')) return fileURLToPath(text);
  if (typeof url === 'string' && isAbsolute(url)) return url;
  const what = 'import takes a file: URL or an absolute path';
  const error = new TypeError(`${what}, not ${text}; use new URL('./tasks.js', import.meta.url)`);
  throw Object.assign(error, { code: 'ERR_INVALID_ARG' });
}

function textFor(file: string): string {
  return `import * as exported from ${JSON.stringify(file)};
export { exported };
export function describe() {
  return Object.keys(exported).map(function (name) {
    var value = exported[name];
    var isClass = typeof value === 'function' && /^class\\b/.test(Function.prototype.toString.call(value));
    return [name, isClass ? 'class' : value === null ? 'null' : typeof value];
  });
}
`;
}
