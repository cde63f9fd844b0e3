/**
 * One source text and everything that it imports as one CommonJS text. Master only; knows esbuild,
 * knows no router and no slices.
 *
 * The text is for the oldest Node that a context may run. Its hash is its identity: contexts ask
 * for it and check it by that.
 */
import { createHash } from 'node:crypto';
import type { SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Esbuild from 'esbuild';
import type { BuildOptions, BuildResult } from 'esbuild';
import { UNNAMED, withMark, withoutMark } from './entry.js';
import { isStandIn } from './external.js';
import { bundleFailure, checkNoAddons } from './failures.js';
import type { ModuleSource } from './source.js';

export type { ModuleSource } from './source.js';

import { checkLists, checkOwnFile } from './lists.js';
import { CONTEXT_PACKAGE, ownPlugin, sourcePlugin } from './plugin.js';
import { type BundleRules, DEFAULT_RULES, PerRules } from './rules.js';

/** A module as contexts get it. */
export interface ModuleText {
  /** SHA-256 of the text, in hex. */
  readonly hash: string;
  /** CommonJS, 7-bit. */
  readonly text: string;
  /** For people: `tasks.ts#diskUsage`. */
  readonly name: string;
  /** Whether it uses Kinetin itself, as it is where functions run. */
  readonly usesContext: boolean;
  /** JSON, with absolute paths as sources; stays on the master. */
  readonly sourceMap: string;
}

export const TARGET = 'node12.22';

/** V8 names the property that holds a called function, and esbuild's getters keep it from knowing. */
const PLAIN_EXPORTS = 'module.exports={...module.exports};';

const bundledUnder = new PerRules(() => new Map<string, Promise<ModuleText>>());
/** Runs since it was first asked for, until stopped. */
let bundler: Promise<typeof Esbuild> | undefined;

/**
 * Bundles a text once under the same rules, also when asked again while it is being bundled.
 *
 * @throws {BundleError} ERR_BUNDLE, ERR_NATIVE_ADDON, ERR_DENIED
 */
export function bundleModule(source: ModuleSource, rules = DEFAULT_RULES): Promise<ModuleText> {
  const bundled = bundledUnder.of(rules);
  const key = `${source.file}\0${source.name}\0${sha256(source.text)}`;
  let module = bundled.get(key);
  if (!module) {
    module = buildModule(source, rules);
    bundled.set(key, module);
    // A missing dependency may be there the next time.
    module.catch(() => bundled.delete(key));
  }
  return module;
}

/**
 * Starts esbuild's process, which then gets ready on its own. Bundling does this by itself; a
 * program that does it early waits less later.
 */
export function startBundler(): Promise<typeof Esbuild> {
  bundler ??= import('esbuild').then((esbuild) => {
    // Nobody waits for this: what is wrong will show when something is bundled.
    esbuild.transform('').catch(() => {});
    return esbuild;
  });
  return bundler;
}

/**
 * Ends esbuild's process, which otherwise ends with this one. The next bundle starts another; so
 * does whoever else uses esbuild in this program, since they share it.
 */
export async function stopBundler(): Promise<void> {
  const running = await bundler;
  bundler = undefined;
  await running?.stop();
}

async function buildModule(source: ModuleSource, rules: BundleRules): Promise<ModuleText> {
  checkOwnFile(source, rules);
  const esbuild = await startBundler();
  const folder = source.file === undefined ? process.cwd() : dirname(source.file);
  let result: BuildResult<{ write: false; metafile: true }>;
  try {
    const options = buildOptions(source, folder, rules);
    result = await esbuild.build({ ...options, write: false, metafile: true });
  } catch (error) {
    throw bundleFailure(error, source, folder);
  }
  checkLists(result.metafile, source, folder, rules);
  checkNoAddons(result.metafile, source.name);
  const text = outputOf(result, '.js');
  const map: SourceMapPayload = JSON.parse(outputOf(result, '.js.map'));
  // As in every map, sources are URLs: `#` and what is not ASCII are escaped.
  const sources = map.sources.map((source) => {
    const path = withoutMark(decodeURIComponent(source));
    return isStandIn(path) ? path : resolve(folder, path);
  });
  const sourceMap = JSON.stringify({ ...map, sources });
  const usesContext = text.includes(`require("${CONTEXT_PACKAGE}")`);
  return { hash: sha256(text), text, name: source.name, usesContext, sourceMap };
}

function buildOptions(source: ModuleSource, folder: string, rules: BundleRules): BuildOptions {
  const { file = resolve(folder, UNNAMED), exportsText } = source;
  const entryExports = exportsText && (() => withMap(exportsText(), source.map));
  return {
    stdin: {
      contents: withMap(source.text, source.map),
      resolveDir: folder,
      sourcefile: withMark(file, source.isModule === true),
    },
    plugins: [
      ownPlugin(file, entryExports, rules.external),
      ...rules.plugins,
      sourcePlugin(rules.loader),
    ],
    loader: rules.loader,
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(file).href),
      'import.meta.filename': JSON.stringify(file),
      'import.meta.dirname': JSON.stringify(folder),
    },
    absWorkingDir: folder,
    outdir: folder,
    ...(source.isModule && { footer: { js: PLAIN_EXPORTS } }),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: TARGET,
    charset: 'ascii',
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    // `require` of an addon may leave the ending out.
    resolveExtensions: [
      '.tsx',
      '.ts',
      '.jsx',
      '.js',
      '.mts',
      '.mjs',
      '.cts',
      '.cjs',
      '.json',
      '.node',
    ],
    logLevel: 'silent',
  };
}

/** esbuild composes its own map with one that the text carries. */
function withMap(text: string, map: SourceMapPayload | undefined): string {
  if (!map) return text;
  const sources = map.sources.map((path) => pathToFileURL(path).href);
  const data = Buffer.from(JSON.stringify({ ...map, sources })).toString('base64');
  return `${text}\n//# sourceMappingURL=data:application/json;base64,${data}\n`;
}

function outputOf({ outputFiles }: BuildResult<{ write: false }>, ending: string): string {
  return outputFiles.find(({ path }) => path.endsWith(ending))!.text;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
