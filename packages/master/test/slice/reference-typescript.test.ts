import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { stopBundler } from '../../src/bundle/module.js';
import { SliceError } from '../../src/errors.js';
import { mapStack } from '../../src/stacks.js';
import { type Anything, load, type Sent, send } from './evaluate.js';
import { runPlain } from './plain.js';

const fixtures = fileURLToPath(new URL('../fixtures/slice', import.meta.url));

describe('slice/reference-typescript', () => {
  after(stopBundler);

  for (const [title, file] of [
    ['modules', 'typed.ts'],
    ['CommonJS', 'typed-common.cts'],
  ] as const) {
    describe(`of ${title} run by tsx`, () => {
      const source = join(fixtures, file);
      let module: Anything;
      before(async () => {
        module = await load(file);
        expect(globalThis.sliceEvents.splice(0)).to.deep.equal([file, 'main']);
      });
      afterEach(() => expect(globalThis.sliceEvents.splice(0)).to.deep.equal([]));

      it('sends functions with enums, namespaces and imports of TypeScript files', async () => {
        const sent = await send(module.diskUsage);
        expect(await sent.call('/var')).to.equal('/var 10000 High web.example.com');
        expect(sent.target.module.name).to.equal(`${file}#diskUsage`);
      });

      it('sends functions that esbuild wrapped to keep their names', async () => {
        expect((await send(module.factorial)).call(5)).to.equal(120);
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

      it('maps stacks into imported TypeScript files', async () => {
        const library = join(fixtures, file.replace('.', '-lib.'));
        const stack = await failingStack(module.failsInLibrary);
        expect(stack[0]).to.include(`${library}:${lineOf(library, 'throw new')}:9`);
      });

      it('names places of the source in errors', async () => {
        const error = await send(module.makeInline('x').bad).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(SliceError);
        const { name, file: where, line } = (error as SliceError).identifiers![0]!;
        expect([name, where, line]).to.deep.equal(['secret', source, lineOf(source, '`${secret}')]);
      });
    });
  }

  describe('compiled by tsc, run by node', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'kinetin-slice-'));
      cpSync(join(fixtures, 'typed.ts'), join(folder, 'src/typed.ts'));
      cpSync(join(fixtures, 'typed-lib.ts'), join(folder, 'src/typed-lib.ts'));
    });
    after(() => rmSync(folder, { recursive: true }));

    for (const [type, ...options] of [
      ['module', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022'],
      ['commonjs', '--module', 'commonjs', '--target', 'es2015'],
    ] as const) {
      it(`sends functions and maps stacks of a file compiled to ${type}`, () => {
        compile(folder, type, options);
        const source = join(folder, 'src/typed.ts');
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
  const out = ['--outDir', join(folder, type), '--rootDir', join(folder, 'src'), '--sourceMap'];
  const input = ['--ignoreConfig', join(folder, 'src/typed.ts')];
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
