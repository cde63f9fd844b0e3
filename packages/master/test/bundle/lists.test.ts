import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Plugin } from 'esbuild';
import { failure } from '../../../../test/support/failure.js';
import { bundleModule } from '../../src/bundle/module.js';
import { type BundleOptions, resolveBundleOptions } from '../../src/bundle/options.js';
import type { BundleError } from '../../src/errors.js';

describe('bundle/lists', () => {
  let folder: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'kinetin-lists-')));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  function link(name: string, target: string): void {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    symlinkSync(join(folder, target), join(folder, name));
  }

  /** The text that would be sent, or the code of the error. */
  async function bundle(options: BundleOptions, text: string): Promise<string> {
    const source = { text, name: 'f', file: join(folder, 'main.js'), map: undefined };
    try {
      return (await bundleModule(source, resolveBundleOptions(options))).text;
    } catch (error) {
      return (error as BundleError).code;
    }
  }

  const SECRET = 'exports.s = "the secret";';

  describe('know a package', () => {
    const denied = (name: string, text: string) => bundle({ deny: [name] }, text);

    it('by its name, with its parts, and not by the start of another', async () => {
      for (const name of ['vault', 'vault-tools', '@my/vault']) {
        write(`node_modules/${name}/index.js`, SECRET);
        write(`node_modules/${name}/part/one.js`, SECRET);
      }
      expect(await denied('vault', 'import "vault";')).to.equal('ERR_DENIED');
      expect(await denied('vault', 'require("vault/part/one");')).to.equal('ERR_DENIED');
      expect(await denied('vault', 'import("vault/part/one.js");')).to.equal('ERR_DENIED');
      expect(await denied('vault/part', 'import "vault/part/one.js";')).to.equal('ERR_DENIED');
      expect(await denied('@my', 'import "@my/vault";')).to.equal('ERR_DENIED');
      expect(await denied('@my/*', 'import "@my/vault";')).to.equal('ERR_DENIED');
      expect(await denied('vault', 'import "vault-tools";')).to.include('the secret');
      expect(await denied('vault', 'import "@my/vault";')).to.include('the secret');
      expect(await denied('vault/part', 'import "vault";')).to.include('the secret');
    });

    it('that a package manager has linked from its store', async () => {
      write('node_modules/.pnpm/vault@1.0.0/node_modules/vault/index.js', SECRET);
      link('node_modules/vault', 'node_modules/.pnpm/vault@1.0.0/node_modules/vault');
      link('node_modules/safe', 'node_modules/.pnpm/vault@1.0.0/node_modules/vault');
      expect(await denied('vault', 'import "vault";')).to.equal('ERR_DENIED');
      expect(await denied('vault', 'import "safe";')).to.equal('ERR_DENIED');
      expect(await denied('safe', 'import "safe";')).to.equal('ERR_DENIED');
      const path = './node_modules/.pnpm/vault@1.0.0/node_modules/vault/index.js';
      expect(await denied('vault', `import "${path}";`)).to.equal('ERR_DENIED');
    });

    it('of the same workspace, imported by name or by path', async () => {
      write('packages/v/package.json', '{ "name": "@my/vault", "main": "src/main.js" }');
      write('packages/v/src/main.js', SECRET);
      link('node_modules/@my/vault', 'packages/v');
      expect(await denied('@my/vault', 'import "@my/vault";')).to.equal('ERR_DENIED');
      expect(await denied('@my/vault', 'import "./packages/v/src/main.js";')).to.equal(
        'ERR_DENIED',
      );
      expect(await denied('@my/vault/src', 'import "@my/vault";')).to.equal('ERR_DENIED');
    });

    it('that was installed under another name', async () => {
      write('node_modules/harmless/package.json', '{ "name": "vault" }');
      write('node_modules/harmless/lib/index.js', SECRET);
      expect(await denied('vault', 'import "harmless/lib/index.js";')).to.equal('ERR_DENIED');
      expect(await denied('harmless', 'import "harmless/lib/index.js";')).to.equal('ERR_DENIED');
    });

    it('of npm by a lone *, and not the program, which has a name in its package.json as well', async () => {
      write('package.json', '{ "name": "app" }');
      write('own.js', SECRET);
      write('node_modules/vault/index.js', SECRET);
      for (const star of ['*', '**', '*/']) {
        const allow = [star, write('main.js', '')];
        expect(await denied(star, 'import "vault";'), star).to.equal('ERR_DENIED');
        expect(await denied(star, 'import "./own.js";'), star).to.include('the secret');
        expect(await bundle({ allow }, 'import "vault";'), star).to.include('the secret');
        expect(await bundle({ allow }, 'import "./own.js";'), star).to.equal('ERR_DENIED');
        expect(await bundle({ allow: [star] }, ''), star).to.equal('ERR_DENIED');
      }
    });

    it('that is installed without a name of its own, and not as part of what it is installed in', async () => {
      write('package.json', '{ "name": "app" }');
      write('node_modules/bare/index.js', SECRET);
      expect(await denied('app', 'import "bare";')).to.equal('ERR_DENIED');
      const allow = ['app'];
      expect(await bundle({ allow }, 'import "bare";')).to.equal('ERR_DENIED');
      expect(await bundle({ allow: ['app', 'bare'] }, 'import "bare";')).to.include('the secret');
    });
  });

  describe('know a file', () => {
    it('by its path, by that of a folder, and not by the start of another', async () => {
      const file = write('secrets/key.js', SECRET);
      write('secrets-of-nobody/key.js', SECRET);
      for (const deny of [[file], [dirname(file)], [`${dirname(file)}/`], [folder]]) {
        expect(await bundle({ deny }, 'import "./secrets/key.js";')).to.equal('ERR_DENIED');
      }
      const deny = [dirname(file)];
      expect(await bundle({ deny }, 'import "./secrets-of-nobody/key.js";')).to.include(
        'the secret',
      );
    });

    it('whatever links lead to it, or to the folder that is listed', async () => {
      const file = write('real/key.js', SECRET);
      link('linked', 'real');
      link('other.js', 'real/key.js');
      const imports = ['./real/key.js', './linked/key.js', './other.js'];
      for (const path of imports) {
        for (const deny of [[file], [join(folder, 'linked')], [join(folder, 'other.js')]]) {
          expect(await bundle({ deny }, `import "${path}";`), `${path} ${deny}`).to.equal(
            'ERR_DENIED',
          );
        }
      }
    });

    it('also where a plugin finds it by a link', async () => {
      const file = write('real/key.js', SECRET);
      link('other.js', 'real/key.js');
      const linked: Plugin = {
        name: 'linked',
        setup(build) {
          build.onResolve({ filter: /^key$/ }, () => ({ path: join(folder, 'other.js') }));
        },
      };
      const options = { plugins: [linked] };
      expect(await bundle(options, 'import "key";')).to.include('the secret');
      expect(await bundle({ ...options, deny: [file] }, 'import "key";')).to.equal('ERR_DENIED');
    });

    it('that is one of many which a computed path may mean', async () => {
      const file = write('keys/one.js', SECRET);
      write('keys/two.js', 'exports.s = "no secret";');
      const text = 'exports.read = (name) => require("./keys/" + name + ".js");';
      expect(await bundle({}, text)).to.include('the secret');
      expect(await bundle({ deny: [file] }, text)).to.equal('ERR_DENIED');
    });

    it('by the source that it was written in, and with what follows its name in an import', async () => {
      write('key.ts', 'export const s: string = "the secret"; console.log(s);');
      const deny = [join(folder, 'key.js')];
      expect(await bundle({ deny }, 'import "./key.js";')).to.equal('ERR_DENIED');
      expect(await bundle({ deny }, 'import "./key.ts?raw";')).to.equal('ERR_DENIED');
      expect(await bundle({ deny }, 'import "./key.ts#raw";')).to.equal('ERR_DENIED');
      // As the bundler is told the name of a function's file.
      expect(await bundle({ deny }, 'import "./key.ts#slice";')).to.equal('ERR_DENIED');
      expect(await bundle({ deny }, 'import "./key.ts#slice.mjs";')).to.equal('ERR_DENIED');
    });

    it('that a plugin loads under a name of its own', async () => {
      const file = write('secrets/key.txt', 'the secret');
      const raw: Plugin = {
        name: 'raw',
        setup(build) {
          build.onResolve({ filter: /\?raw$/ }, () => ({ path: file, namespace: 'raw' }));
          build.onLoad({ filter: /^/, namespace: 'raw' }, () => ({
            contents: 'the secret',
            loader: 'text',
          }));
        },
      };
      const text = 'import key from "./secrets/key.txt?raw"; export default key;';
      expect(await bundle({ plugins: [raw] }, text)).to.include('the secret');
      expect(await bundle({ plugins: [raw], deny: [file] }, text)).to.equal('ERR_DENIED');
      const allow = [write('main.js', '')];
      expect(await bundle({ plugins: [raw], allow }, text)).to.equal('ERR_DENIED');
    });
  });

  it('let no text of no file leave where only some files may', async () => {
    const source = { text: 'exports.s = 1;', name: 'f', file: undefined, map: undefined };
    const bundleOf = (options: BundleOptions) =>
      bundleModule(source, resolveBundleOptions(options));
    expect((await bundleOf({ deny: ['vault'] })).text).to.include('exports.s');
    expect(await failure(bundleOf({ allow: ['vault'] }))).to.include({
      code: 'ERR_DENIED',
      message:
        'cannot bundle f: its text must not leave, since nothing in bundle.allow of the router stands for it: it is of no file; call a function that does without',
    });
  });

  it('count what the bundler leaves out: its values may be in the bundle', async () => {
    const file = write('key.ts', 'export enum Keys { A = "the secret" }');
    const text = 'import { Keys } from "./key.js"; export default Keys.A;';
    expect(await bundle({}, text)).to.include('the secret');
    expect(await bundle({ deny: [file] }, text)).to.equal('ERR_DENIED');
  });

  it('do not count what is external, optional and missing, or of types alone', async () => {
    write('node_modules/vault/index.js', SECRET);
    write('types.ts', 'import type { V } from "vault"; export const a: V = 1;');
    const deny = ['vault', 'missing'];
    expect(await bundle({ deny, external: ['vault'] }, 'require("vault");')).to.match(/vault/);
    expect(await bundle({ deny }, 'try { require("missing"); } catch {}')).to.match(/missing/);
    expect(await bundle({ deny }, 'import { a } from "./types.js"; console.log(a);')).to.match(/1/);
  });
});
