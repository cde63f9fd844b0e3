/**
 * Packages that are not sent. In their place stand modules that require them where the bundle runs, so
 * that bundles without any carry nothing of this. Master only.
 */
import { isBuiltin } from 'node:module';
import type { PluginBuild } from 'esbuild';
import { isPackage } from './listed.js';

const LOOKUP = 'kinetin-external';
const REQUIRED = `${LOOKUP}-require`;
const IMPORTED = `${LOOKUP}-import`;

/** What marks the frames of these modules in stacks. */
export const EXTERNAL_FRAMES = [LOOKUP, REQUIRED, IMPORTED].map((namespace) => `${namespace}:`);

/** Resolves what `external` matches to stand-ins. */
export function resolveExternals(build: PluginBuild, external: RegExp): void {
  // First: `external` may match it.
  build.onResolve({ filter: new RegExp(`^${LOOKUP}$`) }, ({ namespace }) =>
    namespace === REQUIRED || namespace === IMPORTED
      ? { path: LOOKUP, namespace: LOOKUP }
      : undefined,
  );
  build.onResolve({ filter: external }, ({ path, kind }) => {
    if (!isPackage(path) || isBuiltin(path)) return undefined;
    if (kind === 'dynamic-import') return { path, namespace: IMPORTED };
    // `require.resolve` asks for a path, and has one only where it runs: left as it is.
    return kind === 'require-resolve' ? undefined : { path, namespace: REQUIRED };
  });
  build.onLoad({ filter: /^/, namespace: REQUIRED }, ({ path }) => ({
    contents: `module.exports = require('${LOOKUP}').requireExternal(${JSON.stringify(path)});`,
  }));
  // A module with an export of this name is a promise to those who import it: theirs becomes the package.
  build.onLoad({ filter: /^/, namespace: IMPORTED }, ({ path }) => ({
    contents: `import { importExternal } from '${LOOKUP}';
export function then(resolve, reject) { importExternal(${JSON.stringify(path)}).then(resolve, reject); }`,
  }));
  build.onLoad({ filter: /^/, namespace: LOOKUP }, () => ({ contents: LOOKUP_TEXT }));
}

/** Whether a path of the bundler's stands for no file, but for a module that Kinetin makes. */
export function isStandIn(path: string): boolean {
  return /^kinetin(?:-[\w-]+)?:/.test(path);
}

/**
 * Runs in contexts. Both look from where the working directory is when they are called: `import` as
 * Node's own there, and then, as `require` does, in NODE_PATH.
 */
const LOOKUP_TEXT = `
import { createRequire, Module } from 'module';
import { hostname } from 'os';
import { join } from 'path';
import { pathToFileURL } from 'url';
import { types } from 'util';

function failure(name, why, advice) {
  const error = new Error('cannot load ' + name + ' on ' + hostname() + ': it is in bundle.external of the router, so it was not sent, and ' + why + '; ' + advice);
  error.name = 'ModuleError';
  error.code = 'ERR_NO_EXTERNAL';
  return error;
}

function missing(name, folder) {
  const why = 'neither node_modules in ' + folder + ' or above it nor NODE_PATH has it';
  return failure(name, why, 'install it there, or go to where it is with process.chdir');
}

const ADVICE = 'take it with await import() in the function';

export function requireExternal(name) {
  const folder = process.cwd();
  const requireHere = createRequire(join(folder, 'kinetin'));
  let path;
  try {
    path = requireHere.resolve(name);
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') throw missing(name, folder);
    throw failure(name, 'what is in ' + folder + ' cannot be required: ' + error.message, ADVICE);
  }
  // Old Nodes cannot require an ES module; what new ones give has its default where old code finds none.
  try {
    const value = requireHere(path);
    if (!types.isModuleNamespaceObject(value)) return value;
  } catch (error) {
    if (!/REQUIRE_(ESM|ASYNC_MODULE)/.test(error && error.code)) throw error;
    throw failure(name, path + ' cannot be required: ' + error.message.split('\\n')[0], ADVICE);
  }
  throw failure(name, path + ' cannot be required: it is an ES module', ADVICE);
}

export function importExternal(name) {
  const folder = process.cwd();
  const file = join(folder, 'kinetin');
  const here = new Module(file);
  here.filename = file;
  here._compile('exports.load = (name) => import(name)', file);
  return here.exports.load(name).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    let path;
    try {
      path = createRequire(file).resolve(name);
    } catch ({ code }) {
      throw code === 'MODULE_NOT_FOUND' ? missing(name, folder) : error;
    }
    return here.exports.load(pathToFileURL(path).href);
  });
}
`;
