import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { evaluate, Loader, moduleFileName } from '../../src/runtime/loader.js';

const HASH = '0123456789abcdef'.repeat(4);

/** A loader of given texts, with the hashes that it was asked for. */
function makeLoader(texts: Record<string, string | Promise<string>>) {
  const asked: string[] = [];
  const loader = new Loader(
    async (hash) => {
      asked.push(hash);
      const text = texts[hash];
      if (text === undefined) throw new Error(`no module ${hash}`);
      return text;
    },
    { '@kinetin/core': { live: true } },
  );
  return { loader, asked };
}

describe('runtime/loader', () => {
  describe('evaluate', () => {
    it('gives the exports, however they are made', () => {
      expect(evaluate(HASH, 'exports.a = 1', {})).to.deep.equal({ a: 1 });
      expect(evaluate(HASH, 'module.exports = { b: 2 }', {})).to.deep.equal({ b: 2 });
      expect(evaluate(HASH, 'this.c = 3', {})).to.deep.equal({ c: 3 });
    });

    it('names the module in stacks by the first 16 digits of its hash', () => {
      const { fail } = evaluate(HASH, '\n\nexports.fail = () => new Error("x").stack', {}) as {
        fail(): string;
      };
      expect(moduleFileName(HASH)).to.equal('kinetin:0123456789abcdef');
      expect(fail()).to.match(/kinetin:0123456789abcdef:3:\d+/);
    });

    it('lets the module have built-in modules and what is provided', () => {
      const text = `
        exports.os = require('os').EOL;
        exports.fs = typeof require('node:fs').readFileSync;
        exports.core = require('@kinetin/core').live;`;
      const provided = { '@kinetin/core': { live: true } };
      expect(evaluate(HASH, text, provided)).to.deep.equal({
        os: '\n',
        fs: 'function',
        core: true,
      });
    });

    for (const id of [
      'constructor',
      'toString',
      '__proto__',
      'hasOwnProperty',
      'nowhere-to-be-found',
    ]) {
      it(`does not find '${id}'`, () => {
        expect(() => evaluate(HASH, `require('${id}')`, {})).to.throw(/Cannot find module/);
      });
    }

    it('lets the module have no file of the machine that it runs on', () => {
      const folder = mkdtempSync(join(tmpdir(), 'kinetin-loader-'));
      const before = { cwd: process.cwd(), home: process.env.HOME };
      try {
        mkdirSync(join(folder, 'node_modules/on-disk'), { recursive: true });
        for (const file of ['local.js', 'node_modules/on-disk/index.js']) {
          writeFileSync(join(folder, file), 'module.exports = "from the disk"');
        }
        process.chdir(folder);
        for (const id of ['./local', 'on-disk', join(folder, 'local.js')]) {
          expect(
            () => evaluate(HASH, `module.exports = require(${JSON.stringify(id)})`, {}),
            id,
          ).to.throw(/Cannot find module/);
        }
      } finally {
        process.chdir(before.cwd);
        rmSync(folder, { recursive: true });
      }
    });

    it('throws what the module throws, and where it cannot be parsed', () => {
      expect(() => evaluate(HASH, 'throw new RangeError("mine")', {})).to.throw(RangeError, 'mine');
      expect(() => evaluate(HASH, 'const const', {})).to.throw(SyntaxError);
    });

    it('leaves no module in the cache of require', () => {
      evaluate(HASH, 'exports.a = 1', {});
      const { cache } = createRequire(import.meta.url);
      expect(Object.keys(cache).filter((name) => name.includes('kinetin:'))).to.deep.equal([]);
    });
  });

  describe('Loader', () => {
    it('asks for a module once, and runs it once', async () => {
      const { loader, asked } = makeLoader({ [HASH]: 'exports.object = {}' });
      const [one, two] = await Promise.all([loader.load(HASH), loader.load(HASH)]);
      expect(one).to.equal(two);
      expect(await loader.load(HASH)).to.equal(one);
      expect(asked).to.deep.equal([HASH]);
    });

    it('says whether it is loaded already', async () => {
      const { loader } = makeLoader({ [HASH]: 'exports.a = 1' });
      expect(loader.loaded(HASH)).to.equal(undefined);
      const loading = loader.load(HASH);
      expect(loader.loaded(HASH)).to.equal(undefined);
      await loading;
      expect(loader.loaded(HASH)).to.deep.equal({ a: 1 });
    });

    it('tries again what could not be had', async () => {
      const texts: Record<string, string> = {};
      const { loader, asked } = makeLoader(texts);
      const [one, two] = [failure(loader.load(HASH)), failure(loader.load(HASH))];
      expect(await one).to.equal(await two);
      texts[HASH] = 'exports.a = 1';
      expect(await loader.load(HASH)).to.deep.equal({ a: 1 });
      expect(asked).to.have.lengthOf(2);
    });

    it('runs again what threw', async () => {
      const state = globalThis as { attempts?: number };
      state.attempts = 0;
      const { loader } = makeLoader({
        [HASH]: 'if (attempts++ === 0) throw new Error("first"); exports.ok = 1',
      });
      expect((await failure(loader.load(HASH))).message).to.equal('first');
      expect(loader.loaded(HASH)).to.equal(undefined);
      expect(await loader.load(HASH)).to.deep.equal({ ok: 1 });
      delete state.attempts;
    });
  });
});
