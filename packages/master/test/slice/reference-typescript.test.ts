import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { SliceError } from '../../src/errors.js';
import { mapStack } from '../../src/stacks.js';
import { type Anything, type Sent, send } from './evaluate.js';
import { runPlain } from './plain.js';

const fixtures = fileURLToPath(new URL('../fixtures/slice', import.meta.url));

describe('slice/reference-typescript', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kinetin-slice-'));
    copy('typed.ts', 'typed.ts');
    copy('typed-lib.ts', 'typed-lib.ts');
    copy('typed.ts', 'typed.cts', (text) => text.replace("'./typed-lib.js'", "'./typed-lib.cjs'"));
    copy('typed-lib.ts', 'typed-lib.cts');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  });
  after(() => rmSync(folder, { recursive: true }));

  function copy(from: string, to: string, change = (text: string) => text): void {
    writeFileSync(join(folder, to), change(readFileSync(join(fixtures, from), 'utf8')));
  }

  for (const [title, file] of [
    ['modules', 'typed.ts'],
    ['CommonJS', 'typed.cts'],
  ] as const) {
    describe(`of ${title} run by tsx`, () => {
      let source: string;
      let module: Anything;
      before(async () => {
        source = join(folder, file);
        // Other tests have loaded files that did things as well.
        globalThis.sliceEvents.splice(0);
        module = await import(pathToFileURL(source).href);
        expect(globalThis.sliceEvents.splice(0)).to.deep.equal(['typed.ts', 'main']);
      });
      afterEach(() => expect(globalThis.sliceEvents.splice(0)).to.deep.equal([]));

      it('sends functions with enums, namespaces and imports of TypeScript files', async () => {
        const sent = await send(module.diskUsage);
        expect(await sent.call('/var')).to.equal('/var 10000 High web.example.com');
        expect(sent.target.module.name).to.equal(`${file}#diskUsage`);
      });

      it('sends functions that esbuild wrapped to keep their names', async () => {
        expect((await send(module.factorial)).call(5)).to.equal(120);
        expect((await send(module.Geometry.half)).call(5)).to.equal(2.5);
        expect((await send(module.makeInline('x').good)).call(5)).to.equal(121);
      });

      it('sends static methods of classes with parameter properties', async () => {
        const sent = await send(module.Geometry.area);
        expect(sent.target.path).to.deep.equal(['default', 'area']);
        expect(sent.call(1, 2)).to.equal(6);
      });

      it('maps stacks to the lines of the source', async () => {
        const stack = await failingStack(module.fails, 1);
        const thrown = lineOf(source, 'throw new');
        expect(stack[0]).to.include(`${source}:${thrown}:9`);
        expect(stack[1]).to.include(`${source}:${lineOf(source, 'if (depth')}:18`);
      });

      it('maps stacks of inline functions to lines and columns', async () => {
        const stack = await failingStack(module.makeInline('x').throws, 2);
        expect(stack[0]).to.include(`${source}:${lineOf(source, 'Error(reason)')}:15`);
      });

      it('maps stacks into imported TypeScript files', async () => {
        const library = join(folder, file.replace('.', '-lib.'));
        const stack = await failingStack(module.failsInLibrary);
        expect(stack[0]).to.include(`${library}:${lineOf(library, 'throw new')}:9`);
      });

      it('names places of the source in errors', async () => {
        const error = await send(module.makeInline('x').bad).catch((reason: unknown) => reason);
        expect(error).to.have.property('code', 'ERR_FREE_IDENTIFIER');
        const { name, file: where, line } = (error as SliceError).identifiers![0]!;
        expect([name, where, line]).to.deep.equal(['secret', source, lineOf(source, '`${secret}')]);
      });
    });
  }

  describe('compiled by tsc, run by node', () => {
    for (const [type, ...options] of [
      ['module', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022'],
      ['commonjs', '--module', 'commonjs', '--target', 'es2015'],
    ] as const) {
      it(`sends functions and maps stacks of a file compiled to ${type}`, () => {
        compile(folder, type, options);
        const source = join(folder, 'typed.ts');
        const results = runPlain<Results>(PROGRAM, [join(folder, type, 'typed.js')]);
        expect(results.usage).to.equal('/var 10000 High web.example.com');
        expect([results.factorial, results.area]).to.deep.equal([120, 6]);
        expect(results.events).to.deep.equal([]);
        expect(results.stack).to.include(`${source}:${lineOf(source, 'throw new')}:9`);
        expect(results.identifier).to.deep.include({
          name: 'secret',
          file: source,
          line: lineOf(source, '`${secret}'),
        });
      });
    }
  });
});

interface Results {
  readonly usage: string;
  readonly factorial: number;
  readonly area: number;
  readonly events: readonly string[];
  readonly stack: string;
  readonly identifier: object;
}

/** Runs in plain Node, with no loader that changes what is executed. */
const PROGRAM = `
  globalThis.sliceEvents = [];
  const imported = await import(process.argv[2]);
  const module = imported.default?.diskUsage ? imported.default : imported;
  globalThis.sliceEvents.splice(0);
  const { target: { module: { sourceMap } }, call: fails } = await send(module.fails);
  let stack;
  try { fails(0); } catch (error) { stack = mapStack(error.stack, () => sourceMap); }
  const error = await send(module.makeInline('x').bad).catch((reason) => reason);
  report({
    usage: await (await send(module.diskUsage)).call('/var'),
    factorial: (await send(module.factorial)).call(5),
    area: (await send(module.Geometry.area)).call(1, 2),
    events: globalThis.sliceEvents,
    stack,
    identifier: error.identifiers[0],
  });
`;

function compile(folder: string, type: string, options: readonly string[]): void {
  const home = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const out = ['--outDir', join(folder, type), '--rootDir', folder, '--sourceMap'];
  const input = ['--ignoreConfig', join(folder, 'typed.ts')];
  execFileSync(process.execPath, [join(home, 'bin/tsc'), ...out, ...options, ...input]);
  writeFileSync(join(folder, type, 'package.json'), JSON.stringify({ type }));
}

/** The mapped stack of a function that throws, without the message. */
async function failingStack(fn: Anything, ...args: unknown[]): Promise<string[]> {
  const { target, call }: Sent = await send(fn);
  try {
    call(...args);
  } catch (error) {
    const { hash, sourceMap } = target.module;
    const mapped = mapStack((error as Error).stack!, (id) =>
      hash.startsWith(id) ? sourceMap : undefined,
    );
    return mapped.split('\n').slice(1);
  }
  throw new Error('it did not fail');
}

function lineOf(file: string, text: string): number {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}
