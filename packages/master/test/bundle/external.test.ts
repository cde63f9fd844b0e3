import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { bundleModule, type ModuleText } from '../../src/bundle/module.js';
import { resolveBundleOptions } from '../../src/bundle/options.js';

describe('bundle/external', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kinetin-external-'));
    for (const name of ['pg', 'pg-pool', '@img/one', '@img/two/part', 'own']) {
      const file = join(folder, name === 'own' ? 'own.js' : `node_modules/${name}/index.js`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `exports.text = "text of ${name}";`);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  function bundle(external: string[] | undefined, text: string): Promise<ModuleText> {
    const source = { text, name: 'f', file: join(folder, 'main.js'), map: undefined };
    return bundleModule(source, resolveBundleOptions({ external }));
  }

  for (const [name, isLeft, isSent] of [
    ['pg', ['pg'], ['pg-pool', '@img/one', '@img/two/part', './own.js']],
    ['@img/*', ['@img/one', '@img/two/part'], ['pg', 'pg-pool', './own.js']],
    ['@img', ['@img/one', '@img/two/part'], ['pg', './own.js']],
    ['@img/two', ['@img/two/part'], ['@img/one']],
    ['pg*', ['pg', 'pg-pool'], ['@img/one', './own.js']],
    ['*', ['pg', 'pg-pool', '@img/one', '@img/two/part'], ['./own.js']],
    ['p.', [], ['pg']],
  ] as [string, string[], string[]][]) {
    it(`takes ${name} for ${isLeft.join(', ') || 'nothing here'}, and not for ${isSent.join(', ')}`, async () => {
      for (const path of [...isLeft, ...isSent]) {
        for (const text of [
          `import ${JSON.stringify(path)};`,
          `require(${JSON.stringify(path)});`,
        ]) {
          const { text: sent } = await bundle([name], text);
          expect(sent.includes('text of'), text).to.equal(isSent.includes(path));
          expect(sent.includes('ERR_NO_EXTERNAL'), text).to.equal(isLeft.includes(path));
        }
      }
    });
  }

  it('leaves built-in modules, Kinetin and paths that are asked for as they are', async () => {
    const text =
      'import os from "node:os"; import "fs/promises"; import "@kinetin/master"; require.resolve("pg");';
    expect((await bundle(['*'], text)).hash).to.equal((await bundle(undefined, text)).hash);
  });

  it('costs those nothing that need none: their text is the same', async () => {
    const text = 'import { text } from "pg"; export default text;';
    expect((await bundle(['other'], text)).hash).to.equal((await bundle(undefined, text)).hash);
  });

  it('is no file of the program by a lone *, and what is in node_modules is', async () => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "@my/app" }');
    expect((await bundle(['*'], 'import "./own.js";')).text).to.include('text of');
    const failureOf = async (external: string, file: string) => {
      const source = { text: '', name: 'f', file: join(folder, file), map: undefined };
      return await failure(bundleModule(source, resolveBundleOptions({ external: [external] })));
    };
    for (const [external, file] of [
      ['*', 'node_modules/pg/index.js'],
      ['pg', 'node_modules/pg/index.js'],
      ['@my/app', 'own.js'],
    ] as const) {
      const { code, message } = await failureOf(external, file);
      expect([code, message]).to.deep.equal([
        'ERR_BUNDLE',
        `cannot bundle f: it is of ${file.replace('node_modules/', '').replace('own', '@my/app/own')}, ` +
          'which is in bundle.external and so is not sent; call a function of your own that imports it',
      ]);
    }
  });

  it('is required when that is reached, and not before', async () => {
    const text = 'exports.f = () => require("pg"); exports.g = () => import("pg");';
    const { text: sent } = await bundle(['pg'], text);
    const module = { exports: {} as { f?: () => unknown; g?: () => Promise<unknown> } };
    new Function('module', 'exports', 'require', sent)(module, module.exports, (name: string) =>
      process.getBuiltinModule(name),
    );
    expect(module.exports.f)
      .to.throw(/^cannot load pg on /)
      .with.property('code', 'ERR_NO_EXTERNAL');
  });
});
