/**
 * The option `bundle` of routers: what of the program's modules travels, and how. Master only.
 */
import { checkOptions, invalidArgument, type OptionTypes } from '@kinetin/core';
import type { Plugin } from 'esbuild';
import { checkPackageName, listedPackage, packagePattern, readListed } from './listed.js';
import { type BundleRules, type DataLoader, DEFAULT_RULES } from './rules.js';

export type { DataLoader } from './rules.js';

/**
 * What of the program's modules travels, and how: for all functions, services and modules that a router
 * sends. Names are those of esbuild where they mean the same.
 */
export interface BundleOptions {
  /**
   * Packages that are never sent: code requires what is installed where it runs. For native addons above
   * all, which cannot travel. A name stands for the package with all its parts (`pg` for `pg/lib/x`),
   * `*` for any text: `@img/*`; a lone `*` for all packages of npm. What counts is the name in the import.
   *
   * An external package is looked for when it is first needed, from the working directory of the context
   * at that time: in `node_modules` there and in the folders above, then where NODE_PATH says, and in
   * Node's own global folders. Where it is not found, the call fails with ERR_NO_EXTERNAL, and the next
   * one looks again. ES modules are taken by `await import('name')`, on every Node; `require`, and an
   * `import` at the top of a file, which becomes one, take CommonJS and addons.
   * @defaultValue none
   */
  external?: readonly string[] | undefined;
  /**
   * Nothing but this may leave: packages by name, as in `external`, and files and folders by path (one
   * that begins with a dot or a slash, or a `file:` URL; relative to the working directory when the
   * router is made). A lone `*` stands for what is in `node_modules`, and not for the program's own
   * files. A call whose code reaches anything else by imports fails with ERR_DENIED, before
   * anything is sent. What `external` names is not sent, and needs no entry.
   * @defaultValue all may leave
   */
  allow?: readonly (string | URL)[] | undefined;
  /**
   * Must never leave, as in `allow`; goes before that. What counts is every file that imports lead to
   * from what the function uses of its own, whether or not the bundler could have left it out. Links are
   * followed, and packages are known by the names of imports, folders and package.json alike. Only files
   * that are imported are looked at: no text that a plugin makes up, no file that a plugin or the program
   * reads by other means, and no argument of a call.
   * @defaultValue nothing is denied
   */
  deny?: readonly (string | URL)[] | undefined;
  /**
   * Plugins of esbuild, in this order, once for each bundle: for a function, a service or a whole module.
   * They see the imports of files and packages, and load what is imported, before esbuild does; whole modules
   * of `context.import` too. They do not see:
   *
   * - the file of the called function or service itself, whose text is what the program runs, and was cut
   *   before; modules that import it in turn get what was cut as well;
   * - imports of Kinetin's own packages, of those in `external`, and of `fs/promises`, which Node 12 has
   *   not.
   *
   * In a file whose text comes from a plugin, `import.meta.url` is that of the function's file.
   *
   * What a plugin throws or reports fails the call with ERR_BUNDLE, by the plugin's name. `initialOptions`
   * decide whether the text can run at all: change none that Kinetin has set. A plugin may be given to
   * several routers.
   * @defaultValue none
   */
  plugins?: readonly Plugin[] | undefined;
  /**
   * How imported files are read, by the ending of their names: `{ '.sql': 'text', '.wasm': 'binary' }`.
   * The content travels in the module. The program itself may be unable to import such a file: do so in
   * the function, with `await import('./schema.sql')`, or in a module that is loaded by `context.import`.
   * @defaultValue what esbuild does: `.json` and `.txt` are read, endings that it does not know are refused
   */
  loader?: Readonly<Record<string, DataLoader>> | undefined;
}

const BUNDLE_OPTIONS: OptionTypes<BundleOptions> = {
  external: '',
  allow: '',
  deny: '',
  plugins: '',
  loader: 'object',
};

const DATA_LOADERS: Readonly<Record<DataLoader, true>> = {
  base64: true,
  binary: true,
  dataurl: true,
  empty: true,
  js: true,
  json: true,
  jsx: true,
  text: true,
  ts: true,
  tsx: true,
};

/** Why a loader of esbuild is none here. */
const REFUSED = new Map<unknown, string>([
  ['file', 'it gives the path of a file, which stays on this machine; take "binary" or "text"'],
  ['copy', 'it imports a file that stays on this machine; take the loader of what it holds'],
  ['css', 'there is nothing to style; take "text"'],
  ['local-css', 'there is nothing to style; take "text"'],
]);

/** @throws TypeError with the code ERR_INVALID_ARG. */
export function resolveBundleOptions(options: BundleOptions | undefined): BundleRules {
  if (options === undefined) return DEFAULT_RULES;
  checkOptions('the option bundle', options, BUNDLE_OPTIONS);
  const external = listOf('external', options.external, checkPackageName);
  return {
    external: external.length > 0 ? packagePattern(external) : undefined,
    externalFiles: external.map(listedPackage),
    // An empty list lets nothing pass, and is no oversight.
    allow: options.allow === undefined ? undefined : listOf('allow', options.allow, readListed),
    deny: listOf('deny', options.deny, readListed),
    plugins: listOf('plugins', options.plugins, checkPlugin),
    loader: checkLoaders(options.loader ?? {}),
  };
}

/** Copies a list: what becomes of it later changes nothing. */
function listOf<Value, Entry>(
  name: string,
  list: readonly Value[] | undefined,
  check: (option: string, value: Value) => Entry,
): Entry[] {
  if (list === undefined) return [];
  if (Array.isArray(list))
    return Array.from(list, (value: Value) => check(`bundle.${name}`, value));
  throw invalidArgument(
    `bundle.${name} must be an array, not ${list === null ? 'null' : typeof list}`,
  );
}

function checkPlugin(option: string, plugin: Plugin): Plugin {
  const { name, setup } = (plugin ?? {}) as Partial<Plugin>;
  if (typeof name === 'string' && name !== '' && typeof setup === 'function') return plugin;
  throw invalidArgument(
    `${option} takes plugins of esbuild: objects with a name and a setup function`,
  );
}

function checkLoaders(loaders: object): Record<string, DataLoader> {
  const entries = Object.entries(loaders).map(([ending, loader]): [string, DataLoader] => {
    if (!/^(?:\.[^.\s\\/]+)+$/.test(ending)) {
      const example = '{ ".sql": "text" }';
      throw invalidArgument(
        `bundle.loader has ${JSON.stringify(ending)}, which is no ending of file names; write it as ${example}`,
      );
    }
    if (ending === '.node') {
      throw invalidArgument(
        'bundle.loader: native addons do not travel (.node); install the package where it is needed and name it in bundle.external',
      );
    }
    if (typeof loader === 'string' && Object.hasOwn(DATA_LOADERS, loader)) {
      return [ending, loader as DataLoader];
    }
    const given = typeof loader === 'string' ? JSON.stringify(loader) : String(loader);
    const why = REFUSED.get(loader) ?? `take one of ${Object.keys(DATA_LOADERS).join(', ')}`;
    throw invalidArgument(`bundle.loader: "${ending}" cannot be read with ${given}: ${why}`);
  });
  return Object.fromEntries(entries);
}
