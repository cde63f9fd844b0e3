/** One program in all the forms that programs have: each is the master, and calls its own functions. */

import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Report } from '../fixtures/program/tasks.js';
import { requirePart } from '../support/parts.js';
import { canFetchNode, fetchNode } from '../support/real-node.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = fileURLToPath(new URL('../fixtures/program', import.meta.url));
const tsc = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);

/** The oldest that runs TypeScript as it is, and a recent one. */
const STRIPPING_NODES = ['22.18.0', '24.21.0'];

interface Form {
  /** Of the folder's package.json. */
  readonly type: 'module' | 'commonjs';
  /** The interpreter, where it is another than this one; and what precedes the program. */
  readonly node?: string;
  readonly flags?: readonly string[];
  /** For tsc, where the program is compiled. */
  readonly compile?: readonly string[];
  /** Whether stacks lead to the TypeScript files: true by default. */
  readonly isMapped?: boolean;
}

const MODULES = ['--module', 'nodenext', '--target', 'es2022'];
const COMMONJS = ['--module', 'nodenext', '--target', 'es2018'];

const FORMS: Record<string, Form> = {
  'TypeScript modules run with tsx': { type: 'module', flags: ['--import', 'tsx'] },
  'TypeScript run as CommonJS with tsx': { type: 'commonjs', flags: ['--import', 'tsx'] },
  'modules compiled by tsc with source maps': {
    type: 'module',
    compile: [...MODULES, '--sourceMap'],
  },
  'CommonJS compiled by tsc with source maps': {
    type: 'commonjs',
    compile: [...COMMONJS, '--sourceMap'],
  },
  'CommonJS compiled by tsc with source maps in the files': {
    type: 'commonjs',
    compile: [...COMMONJS, '--inlineSourceMap', '--inlineSources'],
  },
  'JavaScript modules': { type: 'module', compile: MODULES, isMapped: false },
  'JavaScript as CommonJS': { type: 'commonjs', compile: COMMONJS, isMapped: false },
};

describe('a program', () => {
  let folder: string;
  beforeEach(async () => {
    // A name with what is special in URLs, as source maps have them.
    folder = await mkdtemp(join(tmpdir(), 'kinetin #1 100% \u00e9 '));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Runs the program in this form. Resolves with its report and where its parts stand. */
  async function runAs({ type, node = process.execPath, flags = [], compile, isMapped }: Form) {
    await cp(fixture, folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type }));
    const main = join(folder, 'main.ts');
    if (type === 'commonjs') {
      const text = await readFile(main, 'utf8');
      await writeFile(main, text.replace(/^await main\(\);/m, 'main();'));
    }
    if (compile) {
      const options = ['--ignoreConfig', '--noCheck', '--rewriteRelativeImportExtensions'];
      await run(process.execPath, [tsc, ...options, ...compile, main], { cwd: folder });
    }
    const ending = compile ? '.js' : '.ts';
    const trace = join(folder, 'trace.txt');
    const env = { ...process.env, NODE_OPTIONS: '' };
    const args = [...flags, join(folder, `main${ending}`), trace];
    const { stdout } = await run(node, args, { cwd: folder, env });
    const report: Report = JSON.parse(stdout);
    const sources = isMapped === false ? ending : '.ts';
    /** `file:line` of the first line that has the text. */
    const placeOf = async (name: string, text: string) => {
      const file = join(folder, name + sources);
      const lines = (await readFile(file, 'utf8')).split('\n');
      return `${file}:${1 + lines.findIndex((line) => line.includes(text))}`;
    };
    return { report, trace: await readFile(trace, 'utf8'), placeOf };
  }

  async function check(form: Form): Promise<void> {
    const { report, trace, placeOf } = await runAs(form);
    const { pid, stack, causeStack, importedStack, refusal, legacy, ...values } = report;
    expect(values).to.deep.equal({
      declared: `at ${hostname()}! ${pid}`,
      inline: `at ${hostname()}? ${pid}`,
      expression: 2,
      asynchronous: 'in time',
      imported: 'a!!',
      byDefault: 'a!! b!!',
      staticMethod: 'a!!-a!!',
      counted: [1, 2, 3],
      ended: 'the loop was left',
    });
    expect(legacy.there, 'what a default import is').to.deep.equal(legacy.here);
    expect(trace, 'what ran of the program itself').to.match(/^ran in \d+\n$/);
    const [own, other] = [
      await placeOf('main', 'new RangeError('),
      await placeOf('tasks', 'new Error('),
    ];
    expect(stack).to.include(`CallError: RangeError: own file\n    at broken (${own}:`);
    expect(stack).to.include('    -- in context there, called from --\n');
    const deep = await placeOf('main', 'new TypeError(');
    expect(causeStack).to.include(`CallError: TypeError: deep\n    at broken (${deep}:`);
    expect(importedStack).to.include(`CallError: Error: other file\n    at fail (${other}:`);
    const local = await placeOf('main', 'context.call(() => local)');
    expect(refusal).to.include(`it uses local (${local}:`);
  }

  for (const [form, how] of Object.entries(FORMS)) {
    it(`of ${form} can call its functions, and names its own lines`, () => check(how));
  }

  describe('of TypeScript', () => {
    const nodes = new Map<string, string>();
    before(async function () {
      this.timeout(300_000);
      await requirePart('Linux on x64', canFetchNode, async () => {
        for (const version of STRIPPING_NODES) nodes.set(version, await fetchNode(version));
      }).call(this);
    });

    for (const version of STRIPPING_NODES) {
      it(`that Node ${version} runs as it is can call its functions, and names its own lines`, () =>
        check({ type: 'module', node: nodes.get(version) as string }));

      it(`that Node ${version} runs as it is, as CommonJS, can call its functions`, async () => {
        const main = join(folder, 'main.cts');
        await writeFile(main, COMMONJS_MAIN);
        await writeFile(join(folder, 'double.cts'), COMMONJS_DOUBLE);
        const env = { ...process.env, NODE_OPTIONS: '' };
        const { stdout } = await run(nodes.get(version) as string, [main], { cwd: folder, env });
        const { values, stack } = JSON.parse(stdout);
        expect(values).to.deep.equal([`${hostname()} 2`, `${hostname()} 4`, 6]);
        expect(stack).to.include(`CallError: RangeError: on purpose\n    at fails (${main}:10:`);
      });
    }
  });
});

/** Erasable syntax alone, so without the imports and exports that a compiler would turn to `require`. */
const COMMONJS_MAIN = `
const { hostname }: typeof import('node:os') = require('node:os');
const { withRouter }: typeof import('@kinetin/master') = require('@kinetin/master');
const { double }: { double(value: number): number } = require('./double.cts');

function told<Value>(value: Value): string {
  return \`\${hostname()} \${value as unknown as string}\`;
}
function fails(reason: string): never {
  throw new RangeError(reason);
}
withRouter(async (router) => {
  const context = router.local();
  const values = [
    await context.call(told<number>, 2),
    await context.call((value: number): string => told(double(value)), 2),
    await context.call(double, 3),
  ];
  const { stack } = await context.call(fails, 'on purpose').catch((error: Error) => error);
  console.log(JSON.stringify({ values, stack }));
});
`;

const COMMONJS_DOUBLE = `
exports.double = function double(value: number): number {
  return value * 2;
};
`;
