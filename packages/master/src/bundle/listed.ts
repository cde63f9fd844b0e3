/**
 * Entries of the lists of a router's option `bundle`: packages by name, files and folders by path.
 * Master only.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalidArgument, shown } from '@kinetin/core';
import { sourceFile } from './source-file.js';

/** An entry of a list. */
export interface Listed {
  /** As the user wrote it. */
  readonly shown: string;
  matches(file: KnownFile): boolean;
}

/** What can be known of a file: by which of these it is listed does not matter. */
export interface KnownFile {
  /** Absolute; as it was found, and with all links followed. */
  readonly paths: readonly string[];
  /** `lodash/fp.js`: as it was imported, as its folder has it, and as its package calls itself. */
  readonly names: readonly string[];
}

/** Of a package, with or without scope and subpath; `*` stands for any text. */
const PACKAGE = /^(?:@[^@\s\\/:#]+\/)?[^@.\s\\/:#][^\s\\:#]*$/;
const PATTERN = /^@?[^@.~\s\\/:#][^\s\\:#]*$/;
const MODULES = `${sep}node_modules${sep}`;

/** Whether an import names a package, or a part of one. */
export function isPackage(specifier: string): boolean {
  return PACKAGE.test(specifier);
}

/** Matches the packages that `names` stand for, with all their parts; esbuild can read it. */
export function packagePattern(names: readonly string[]): RegExp {
  const patterns = names.map((name) =>
    name
      .replace(/\/$/, '')
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*'),
  );
  return new RegExp(`^(?:${patterns.join('|')})(?:/.*)?$`);
}

/** @throws TypeError with the code ERR_INVALID_ARG. */
export function checkPackageName(option: string, name: unknown, more = ''): string {
  if (typeof name === 'string' && PATTERN.test(name)) return name;
  const examples = 'give them as imports have them, such as "better-sqlite3" or "@img/*"';
  throw invalidArgument(
    `${option} takes names of packages, not ${shown(name)}; ${examples}${more}`,
  );
}

/** A name of a package as an entry. A lone `*` is all that is in folders `node_modules`. */
export function listedPackage(name: string): Listed {
  // The program itself has a name in its package.json, too.
  if (/^\*+\/?$/.test(name)) {
    return { shown: name, matches: ({ paths }) => paths.some((one) => one.includes(MODULES)) };
  }
  const pattern = packagePattern([name]);
  return { shown: name, matches: ({ names }) => names.some((one) => pattern.test(one)) };
}

/**
 * Reads an entry that is a package or a path: one that begins with a dot or a slash, or is a file: URL.
 * Relative paths are those of the working directory.
 *
 * @throws TypeError with the code ERR_INVALID_ARG; also where a path leads nowhere, and where a name is that
 * of a file and of no package, since an entry that matches nothing guards nothing.
 */
export function readListed(option: string, entry: unknown): Listed {
  const path = pathOf(entry);
  if (path === undefined) {
    const paths = '; paths begin with "./" or "/", or are file: URLs';
    const name = checkPackageName(option, entry, paths);
    if (existsSync(resolve(name)) && !isInstalled(name)) {
      const why = 'there is no such package, but a file or folder';
      throw invalidArgument(`${option}: ${why} ${shown(name)}; write it as ${shown(`./${name}`)}`);
    }
    return listedPackage(name);
  }
  const found = sourceFile(resolve(path));
  if (found === undefined) {
    const advice = 'correct the path; a package goes by its name';
    throw invalidArgument(`${option}: there is no file or folder ${shown(entry)}; ${advice}`);
  }
  const starts = [found, realpathSync(found)];
  const isBelow = (one: string) =>
    starts.some(
      (start) => one === start || one.startsWith(start.endsWith(sep) ? start : start + sep),
    );
  return { shown: String(entry), matches: ({ paths }) => paths.some(isBelow) };
}

/**
 * What is known of a file that was imported as `specifiers`. `packages` keeps what was read, from folder
 * to the name that the package there has.
 */
export function knownFile(
  path: string,
  specifiers: readonly string[],
  packages: Map<string, string | undefined>,
): KnownFile {
  // The bundler keeps what follows `?` in a path, which names no other file.
  const file = existsSync(path) ? path : path.replace(/[?#].*$/, '');
  const paths = existsSync(file) ? [file, realpathSync(file)] : [path];
  const names = paths.flatMap((one) => {
    const at = one.lastIndexOf(MODULES);
    const inFolder = at < 0 ? [] : [one.slice(at + MODULES.length)];
    return [...inFolder, ...ownName(one, packages)].map((name) => name.split(sep).join('/'));
  });
  return { paths, names: [...specifiers.filter(isPackage), ...names] };
}

function pathOf(entry: unknown): string | undefined {
  const isUrl = entry instanceof URL && entry.protocol === 'file:';
  if (isUrl || (typeof entry === 'string' && entry.startsWith('file:')))
    return fileURLToPath(entry);
  if (typeof entry !== 'string') return undefined;
  return isAbsolute(entry) || /^\.\.?(?:$|[\\/])/.test(entry) ? entry : undefined;
}

/** Whether imports from the working directory find a package, or a part of one, or a scope of some. */
function isInstalled(name: string): boolean {
  for (let folder = resolve('.'); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', name))) return true;
    if (folder === dirname(folder)) return false;
  }
}

/** The path of a file in its package, behind the name in the package.json there. */
function ownName(path: string, packages: Map<string, string | undefined>): string[] {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!packages.has(folder)) packages.set(folder, nameAt(folder));
    const name = packages.get(folder);
    if (name !== undefined) return [join(name, relative(folder, path))];
    if (folder === dirname(folder) || folder.endsWith(`${sep}node_modules`)) return [];
  }
}

function nameAt(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  try {
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    // Node does not need it to be right, and esbuild says so where it does.
    return undefined;
  }
}
