/**
 * Checks that imports in packages/*\/src run one way only, as layers.json says: which folder (or
 * file) may import which, and which modules of Node and of npm it may use. Type-only imports obey
 * the same table. No two files may import each other, directly or around corners. A file that no
 * entry covers, and an entry that covers no file, are failures too, so that the table stays true.
 */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { listFiles, report, root } from './files.js';

/** An entry of layers.json: what the files of one folder, or one file, may import. */
interface Layer {
  /** Layers of the same package. A layer may always import itself. */
  imports: string[];
  /** Layers of the same package from which types alone may come. */
  types?: string[];
  /** Modules of Node, without `node:`. */
  node: string[];
  /** Packages from npm, and subpaths of ours, by the name in the import. */
  npm?: string[];
}

interface Import {
  specifier: string;
  isTypeOnly: boolean;
}

const COMMENTS_AND_STRINGS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|`(?:\\[\s\S]|[^`\\])*`|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;
const STATEMENT =
  /^\s*(?:import|export)\s+(type\s)?[^'"`;=]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm;
const EXPRESSION = /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g;

const table: Record<string, Record<string, Layer>> = JSON.parse(
  readFileSync(join(root, 'layers.json'), 'utf8'),
);

report(
  [
    ...Object.entries(table).flatMap(([folder, layers]) => checkPackage(folder, layers)),
    ...listFiles('packages', /^packages\/[^/]+\/src\/index\.ts$/)
      .map((index) => posix.dirname(index))
      .filter((folder) => !table[folder])
      .map((folder) => `${folder}: not in layers.json`),
  ],
  'imports run one way only',
);

function checkPackage(folder: string, layers: Record<string, Layer>): string[] {
  const files = listFiles(folder, /\.(ts|cjs)$/).map((path) => path.slice(folder.length + 1));
  const imports = new Map(
    files.map((file) => [file, findImports(readFileSync(join(root, folder, file), 'utf8'))]),
  );
  const covered = new Set(files.map((file) => layerOf(file, layers)));
  const complaints = [
    ...Object.values(layers)
      .flatMap((layer) => [...layer.imports, ...(layer.types ?? [])])
      .filter((name) => !layers[name])
      .map((name) => `"${name}" is imported in layers.json and is no layer there`),
    ...Object.keys(layers)
      .filter((name) => !covered.has(name))
      .map((name) => `layers.json lists "${name}", which has no file`),
    ...files.flatMap((file) =>
      checkFile(file, imports.get(file)!, layers).map((complaint) => `${file}: ${complaint}`),
    ),
    ...findCycles(imports).map((cycle) => `import cycle: ${cycle.join(' → ')}`),
  ];
  return complaints.map((complaint) => `${folder}: ${complaint}`);
}

/** The most special entry that covers a file: itself, or the innermost folder that has one. */
function layerOf(file: string, layers: Record<string, Layer>): string | undefined {
  for (let path = file; path !== '.'; path = posix.dirname(path)) if (layers[path]) return path;
  return undefined;
}

function checkFile(file: string, imports: Import[], layers: Record<string, Layer>): string[] {
  const name = layerOf(file, layers);
  if (name === undefined) return ['no entry of layers.json covers it'];
  const { imports: allowed, types = [], node, npm = [] } = layers[name]!;
  return imports.flatMap(({ specifier, isTypeOnly }) => {
    const target = resolveImport(file, specifier);
    if (target === undefined) {
      const bare = specifier.replace(/^node:/, '');
      const list = builtinModules.includes(bare) ? node : npm;
      return list.includes(bare) ? [] : [`"${name}" may not import "${specifier}"`];
    }
    const targetLayer = layerOf(target, layers);
    if (targetLayer === undefined) return [`imports ${target}, which is in no layer`];
    if (targetLayer === name || allowed.includes(targetLayer)) return [];
    if (types.includes(targetLayer)) {
      return isTypeOnly ? [] : [`"${name}" may import types alone from "${targetLayer}"`];
    }
    return [`"${name}" may not import "${targetLayer}" (${specifier})`];
  });
}

/** The file that a relative import names, from the package's `src`; undefined for any other. */
function resolveImport(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

/** All imports of a file, by statement and by call. Code in comments and templates is none. */
function findImports(text: string): Import[] {
  const code = text.replace(COMMENTS_AND_STRINGS, (match) => (/^['"]/.test(match) ? match : ' '));
  return [
    ...[...code.matchAll(STATEMENT)].map(([, type, from, bare]) => ({
      specifier: (from ?? bare)!,
      isTypeOnly: type !== undefined,
    })),
    ...[...code.matchAll(EXPRESSION)].map(([, specifier]) => ({
      specifier: specifier!,
      isTypeOnly: false,
    })),
  ];
}

/** Each cycle once, as the files in order with the first again at the end. */
function findCycles(imports: Map<string, Import[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const { specifier } of imports.get(file) ?? []) {
      const target = resolveImport(file, specifier);
      if (target !== undefined) visit(target, [...path, file]);
    }
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}
