import { cpus, hostname } from 'node:os';
import { expect } from 'chai';
import { stopBundler } from '../../src/bundle/module.js';
import { referenceFunction } from '../../src/slice/reference.js';
import { load, send } from './evaluate.js';

const forms = await load('forms.mjs');
const events = globalThis.sliceEvents.splice(0);

const offset = 30;

describe('slice/reference', () => {
  after(stopBundler);
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
    expect(await referenceFunction(make())).to.equal(await referenceFunction(make()));
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

  it('sends functions made by eval that need nothing', async () => {
    expect((await send(globalThis.eval('(x) => x + 1'))).call(1)).to.equal(2);
    expect((await send(new Function('x', 'return x + 1'))).call(1)).to.equal(2);
  });

  it('gives import.meta.url the address of the original file', async () => {
    const url = new URL('../fixtures/slice/forms.mjs', import.meta.url).href;
    expect((await send(forms.meta)).call()).to.equal(url);
  });
});
