import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { bundleModule, type ModuleSource } from '../../src/bundle/module.js';
import { BundleError, SliceError } from '../../src/errors.js';
import { type Anything, evaluate } from '../slice/evaluate.js';
import { runPlain } from '../slice/plain.js';

describe('bundle/module', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kinetin-bundle-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function source(text: string, rest: Partial<ModuleSource> = {}): ModuleSource {
    const file = join(folder, 'main.js');
    return { text, name: 'main.js#f', file, map: undefined, exportsText: () => '', ...rest };
  }

  function write(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** The default export of a bundled text. */
  async function run(text: string, rest?: Partial<ModuleSource>): Promise<Anything> {
    return evaluate(await bundleModule(source(text, rest))).default;
  }

  async function failure(text: string, rest?: Partial<ModuleSource>): Promise<BundleError> {
    try {
      await bundleModule(source(text, rest));
    } catch (error) {
      return error as BundleError;
    }
    throw new Error('it was bundled');
  }

  it('gives CommonJS for old Nodes, in 7 bits', async () => {
    const module = await bundleModule(source('export default (a) => a?.b ?? "\u{1F331}";'));
    expect(module.text).to.not.match(/\?\.|\?\?|[^\n -~]/);
    expect(evaluate(module).default({})).to.equal('\u{1F331}');
  });

  it('imports built-ins without the prefix that old Nodes lack', async () => {
    const text =
      'import { sep } from "node:path"; import { readFile } from "node:fs/promises"; export default [sep, readFile];';
    const module = await bundleModule(source(text));
    expect(module.text).to.not.match(/node:|fs\/promises"\)/);
    expect(evaluate(module).default[1]).to.be.a('function');
  });

  for (const [written, there] of [
    ['./a.js', 'a.ts'],
    ['./a.js', 'a.tsx'],
    ['./a.mjs', 'a.mts'],
    ['./a.cjs', 'a.cts'],
    ['./a.jsx', 'a.tsx'],
    ['./a', 'a.ts'],
    ['./a/index.js', 'a/index.ts'],
  ] as const) {
    it(`finds ${there} for ${written}`, async () => {
      write(there, 'export const a: number = 1;');
      expect(await run(`import { a } from "${written}"; export default a;`)).to.equal(1);
    });
  }

  it('prefers the file that is written', async () => {
    write('a.ts', 'export const a: number = 1;');
    write('a.js', 'export const a = 2;');
    expect(await run('import { a } from "./a.js"; export default a;')).to.equal(2);
  });

  it('gives each file its own import.meta.url', async () => {
    const path = write('lib/a.mjs', '#!/usr/bin/env node\nexport const url = import.meta.url;');
    const text = 'import { url } from "./lib/a.mjs"; export default [url, import.meta.url];';
    const urls = [path, join(folder, 'main.js')].map((file) => pathToFileURL(file).href);
    expect(await run(text)).to.deep.equal(urls);
  });

  it('gives modules that import the entry in turn its exports only', async () => {
    write('main.js', 'throw new Error("the program ran");');
    write('a.js', 'import { b } from "./main.js"; export const a = () => b + 1;');
    const exportsText = () => 'export const b = 1;';
    expect(await run('import { a } from "./a.js"; export default a();', { exportsText })).to.equal(
      2,
    );
  });

  it('passes on why the entry has no exports', async () => {
    write('main.js', '');
    write('a.js', 'export * from "./main.js";');
    const refused = new SliceError('ERR_FREE_IDENTIFIER', 'refused');
    const exportsText = () => {
      throw refused;
    };
    expect(await failure('import "./a.js";', { exportsText })).to.equal(refused);
  });

  it('leaves the runtime to the context', async () => {
    for (const name of ['@kinetin/master', '@kinetin/core']) {
      const module = await bundleModule(source(`import { x } from "${name}"; export default x;`));
      expect(module.text).to.include('require("@kinetin/context")');
      expect(module.usesContext).to.equal(true);
    }
    expect((await bundleModule(source('export default 1;'))).usesContext).to.equal(false);
  });

  it('knows sources by their paths, whatever those hold', async () => {
    write('a b%c#d.js', 'export default () => 1;');
    const { sourceMap } = await bundleModule(source('export { default } from "./a b%c#d.js";'));
    expect(JSON.parse(sourceMap).sources.join()).to.match(/\/a b%c#d\.js$/);
  });

  it('bundles equal texts once, also at the same time', async () => {
    const text = 'export default 1;';
    const [one, two] = await Promise.all([bundleModule(source(text)), bundleModule(source(text))]);
    expect(one).to.equal(two);
    expect(await bundleModule(source(text))).to.equal(one);
  });

  it('tries again after a failure', async () => {
    const text = 'import { a } from "./late.js"; export default a;';
    await failure(text);
    write('late.js', 'export const a = 1;');
    expect(await run(text)).to.equal(1);
  });

  it('names imports that cannot be found, with their places', async () => {
    const error = await failure('\nimport "left-pad-of-nobody";');
    expect(error).to.be.instanceOf(BundleError);
    expect(error.code).to.equal('ERR_BUNDLE');
    expect(error.message).to.equal(
      `cannot bundle main.js#f: Could not resolve "left-pad-of-nobody" (${folder}/main.js:2:8); ` +
        'install what is missing where the program runs',
    );
  });

  it('says of files and of addons that cannot be found what to do', async () => {
    const file = await failure('import "./no-such.js";');
    expect(file.message).to.match(/Could not resolve ".\/no-such.js" .*; correct the path$/);
    const addon = await failure('import "./build/no-such.node";');
    expect(addon.message).to.match(/; it is a native addon: .* name that in bundle.external$/);
  });

  it('names places of the source where there is a map', async () => {
    const map = { version: 3, file: '', sources: ['/src/main.ts'], sourceRoot: '', names: [] };
    const rest = {
      map: { ...map, sourcesContent: [], mappings: ';AAIA' },
    } as Partial<ModuleSource>;
    const { message } = await failure('\nimport "left-pad-of-nobody";', rest);
    expect(message).to.include('(/src/main.ts:5:1)');
  });

  it('says where an imported module awaits at its top level', async () => {
    const path = write('a.js', 'export const a = 1;\nawait a;');
    const error = await failure('import { a } from "./a.js"; export default a;');
    expect(error.code).to.equal('ERR_BUNDLE');
    expect(error.message).to.match(/top-level await.*a\.js:2:1\); move the await into a function/i);
    expect(error.message).to.include(path);
  });

  for (const written of ['./build/x.node', './build/x']) {
    it(`refuses ${written}, a native addon, with the imports that lead to it`, async () => {
      write('node_modules/native/build/x.node', '\x7fELF');
      write('node_modules/native/index.js', `module.exports = require('${written}');`);
      write('a.js', 'export { default as a } from "native";');
      const error = await failure('import { a } from "./a.js"; export default a;');
      expect(error).to.be.instanceOf(BundleError);
      expect(error.code).to.equal('ERR_NATIVE_ADDON');
      expect(error.message).to.include(
        'main.js > a.js > node_modules/native/index.js > node_modules/native/build/x.node;',
      );
    });
  }

  it('maps bundled files to absolute paths', async () => {
    const path = write('lib/a.ts', 'export const a = (): number => 1;');
    const { sourceMap } = await bundleModule(
      source('import { a } from "./lib/a.js"; export default a;'),
    );
    expect(JSON.parse(sourceMap).sources).to.include(path);
  });

  it('does not keep the program alive, and can be stopped and used again', () => {
    expect(runPlain('report((await send((x) => x + 1)).call(1));')).to.equal(2);
    const program = `
      await send((x) => x + 1);
      await stopBundler();
      const { call } = await send((x) => x + 2);
      await stopBundler();
      report(call(1));
    `;
    expect(runPlain(program)).to.equal(3);
  });
});
