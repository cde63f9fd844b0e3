import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInThisContext } from 'node:vm';
import { expect } from 'chai';
import { BundleError } from '../../src/errors.js';
import { referenceFunction } from '../../src/slice/reference.js';
import { load, send } from './evaluate.js';

const forms = await load('forms.mjs');
const events = globalThis.sliceEvents.splice(0);

const offset = 30;

describe('slice/reference', () => {
  // Other tests have loaded files that did things as well.
  beforeEach(() => void globalThis.sliceEvents.splice(0));
  afterEach(() => {
    expect(globalThis.sliceEvents.splice(0), 'statements that ran on their own').to.deep.equal([]);
  });

  it('is tested against a file whose top level does run things', () => {
    expect(events).to.include.members(['forms.mjs', 'list', 'main', 'changing']);
  });

  it('names a built-in', async () => {
    expect(await referenceFunction(hostname)).to.deep.equal({
      kind: 'builtin',
      module: 'os',
      path: ['hostname'],
    });
  });

  it('sends an inline function with what it reaches at the top level', async () => {
    const sent = await send((x: number) => x + offset);
    expect(sent.call(12)).to.equal(42);
    expect(sent.target.module.text).to.not.include('describe');
  });

  it('names a module after its file and function', async () => {
    expect((await send(forms.declared)).target.module.name).to.equal('forms.mjs#declared');
    expect((await send(forms.Tasks.times)).target.module.name).to.equal('forms.mjs#Tasks.times');
    expect((await send((x: number) => x)).target.module.name).to.match(
      /^reference\.test\.ts:\d+:\d+$/,
    );
  });

  it('looks at a function once', async () => {
    const [one, two] = [referenceFunction(forms.declared), referenceFunction(forms.declared)];
    expect(one).to.equal(two);
    expect(await one).to.equal(await two);
  });

  it('looks at a place in a file once, however many closures are made there', async () => {
    const make = () => (x: number) => x + 1;
    const [one, two] = [await send(make()), await send(make())];
    expect(one.target.module).to.equal(two.target.module);
  });

  it('gives equal functions of one file equal hashes', async () => {
    const { hash } = (await send(forms.declared)).target.module;
    expect(hash).to.match(/^[0-9a-f]{64}$/);
    expect((await send(forms.arrow)).target.module.hash).to.not.equal(hash);
  });

  it('knows modules that are loaded later', async () => {
    expect((await referenceFunction(cpus)).kind).to.equal('builtin');
    const { inflateRawSync } = await import('node:zlib');
    expect(await referenceFunction(inflateRawSync)).to.include({ kind: 'builtin', module: 'zlib' });
  });

  it('leaves a function in its object where it needs the object', async () => {
    expect((await send(forms.tasks.recursive)).target.path).to.deep.equal(['default', 'recursive']);
    expect((await send(forms.tasks.plain)).target.path).to.deep.equal(['default']);
  });

  it('tries again after a failure', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kinetin-slice-'));
    const file = join(folder, 'early.mjs');
    writeFileSync(file, 'export const load = async () => (await import("./late.mjs")).late;');
    const early = await import(pathToFileURL(file).href);
    const error = await send(early.load).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(BundleError);
    writeFileSync(join(folder, 'late.mjs'), 'export const late = 1;');
    expect(await (await send(early.load)).call()).to.equal(1);
    rmSync(folder, { recursive: true });
  });

  it('gives modules that import the program in turn its exports, and does not run it', async () => {
    const { limitOf } = await load('cycle-main.mjs');
    expect(globalThis.sliceEvents.splice(0)).to.include('main');
    expect((await send(limitOf)).call(12)).to.equal(10);
  });

  it('sends functions with the counters of istanbul', async () => {
    expect((await send((await load('counted.cjs')).counted)).call(1)).to.equal(2);
  });

  it('sends functions made by eval that need nothing', async () => {
    // biome-ignore lint/security/noGlobalEval: it is what is tested
    expect((await send(globalThis.eval('(x) => x + 1'))).call(1)).to.equal(2);
    expect((await send(new Function('x', 'return x + 1'))).call(1)).to.equal(2);
  });

  it('takes a path as sourceURL for the file, as Node writes for TypeScript it has stripped', async () => {
    const file = fileURLToPath(new URL('../fixtures/slice/stripped.cts', import.meta.url));
    const text = `(x) => require('./common-lib.cjs').double(x)\n\n//# sourceURL=${file}`;
    expect((await send(runInThisContext(text))).call(2)).to.equal(4);
  });

  it('gives import.meta.url the address of the original file', async () => {
    const url = new URL('../fixtures/slice/forms.mjs', import.meta.url).href;
    expect((await send(forms.meta)).call()).to.equal(url);
  });
});
