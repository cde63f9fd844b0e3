/**
 * What esbuild has to be told about source files to see them as the running program does.
 * Master only.
 */
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin } from 'esbuild';
import { resolveExternals } from './external.js';
import type { BundleRules } from './rules.js';
import { sourceFile } from './source-file.js';

const LOADERS: Record<string, Loader> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
};

/** Of all plugins that are Kinetin's own. */
export const PLUGIN_NAME = 'kinetin';

/**
 * What no plugin of a user may take over: packages that contexts provide or have installed, and `entry`, the
 * file that was sliced. Modules that import that get `entryExports()`, where it is given, and the file itself
 * otherwise.
 */
export function ownPlugin(
  entry: string,
  entryExports: (() => string) | undefined,
  external: RegExp | undefined,
): Plugin {
  return {
    name: PLUGIN_NAME,
    setup(build) {
      build.onResolve({ filter: OWN_PACKAGES }, () => ({ path: CONTEXT_PACKAGE, external: true }));
      build.onResolve({ filter: /^(node:)?fs\/promises$/ }, () => FS_PROMISES);
      build.onLoad({ filter: /^/, namespace: FS_PROMISES.namespace }, () => ({
        contents: `module.exports = require('fs').promises;`,
      }));
      if (external) resolveExternals(build, external);
      if (!entryExports) return;
      build.onLoad({ filter: new RegExp(`^${escaped(entry)}$`) }, ({ path, namespace }) =>
        namespace === 'file' ? loadEntry(path, entryExports()) : undefined,
      );
    },
  };
}

/** How files are found and read. */
export function sourcePlugin(loader: BundleRules['loader']): Plugin {
  return {
    name: PLUGIN_NAME,
    setup(build) {
      build.onResolve({ filter: /^\.{0,2}\/.*\.[mc]?jsx?$/ }, async (args) => {
        const path = typeScriptPath(args);
        const { importer, namespace, kind, resolveDir } = args;
        return path === undefined
          ? undefined
          : build.resolve(path, { importer, namespace, kind, resolveDir });
      });
      // Kept as a module, so that an addon that nothing uses can still be dropped.
      build.onLoad({ filter: /\.node$/ }, () => ({ contents: 'module.exports = "addon";' }));
      const loaders = { ...LOADERS, ...loader };
      build.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, ({ path }) => {
        const own = loaders[extname(path)] ?? 'js';
        return CODE.test(own) ? loadSource(path, own) : undefined;
      });
    },
  };
}

/** What a context answers with for them, so that all code there shares one. */
export const CONTEXT_PACKAGE = '@kinetin/context';
const OWN_PACKAGES = /^@kinetin\/(master|core|context)$/;

/** Node 12 has no module of this name. */
const FS_PROMISES = { path: 'fs/promises', namespace: 'kinetin' } satisfies OnResolveResult;

/** The path of another file that is meant, with the same start. */
function typeScriptPath({ path, resolveDir }: OnResolveArgs): string | undefined {
  const full = resolve(resolveDir, path);
  const found = sourceFile(full);
  if (found === undefined || found === full) return undefined;
  return path.slice(0, -extname(path).length) + extname(found);
}

function loadEntry(path: string, contents: string): OnLoadResult {
  return { contents, loader: 'js', resolveDir: dirname(path) };
}

/** Gives each file an `import.meta.url` of its own; others are esbuild's to load. */
async function loadSource(path: string, loader: Loader): Promise<OnLoadResult | undefined> {
  const text = await readFile(path, 'utf8');
  if (!IMPORT_META.test(text)) return undefined;
  const url = JSON.stringify(pathToFileURL(path).href);
  const values = `{ url: ${url}, filename: ${JSON.stringify(path)}, dirname: ${JSON.stringify(dirname(path))} }`;
  // On the first line, so that all lines keep their numbers.
  const contents = `const __kinetinMeta = ${values}; ${text.replace(/^#!/, '//')}`;
  const own = contents.replace(IMPORT_META_ALL, '__kinetinMeta.$1');
  return { contents: own, loader, resolveDir: dirname(path) };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const CODE = /^[jt]sx?$/;
const IMPORT_META = /\bimport\.meta\.(url|filename|dirname)\b/;
const IMPORT_META_ALL = new RegExp(IMPORT_META, 'g');
