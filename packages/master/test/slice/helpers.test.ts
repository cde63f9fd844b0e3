import { hostname } from 'node:os';
import { expect } from 'chai';
import { evaluate, load, send } from './evaluate.js';

describe('slice/helpers', () => {
  it('gives out the functions and classes that are reached by name, and nothing else', async () => {
    const { reaches } = await load('helpers.mjs');
    const { target, call } = await send(reaches);
    const exports = evaluate(target.module);
    expect(Object.keys(exports)).to.have.members([
      'default',
      'reaches',
      'declared',
      'arrow',
      'imported',
      'Box',
    ]);
    expect(exports.declared(1)).to.equal(6);
    expect(exports.imported()).to.equal('imported');
    expect(target.module.text).to.not.include('unused');
    expect(call('context')).to.have.lengthOf(6);
  });

  it('gives out a function that calls itself, and what it imports', async () => {
    const module = await load('helpers.mjs');
    const { target, call } = await send(module.default);
    expect(call(3)).to.equal('imported');
    const exports = evaluate(target.module);
    expect(exports.recursive).to.equal(exports.default);
    expect(exports.imported()).to.equal('imported');
  });

  it('gives out what an inline function reaches', async () => {
    const { target } = await send(() => [inline, hostname]);
    expect(Object.keys(evaluate(target.module))).to.have.members(['default', 'inline']);
  });

  it('gives out those of a CommonJS file, and the modules that it requires', async () => {
    const { reaches } = await load('helpers.cjs');
    const { target, call } = await send(reaches);
    const exports = evaluate(target.module);
    expect(Object.keys(exports)).to.include.members(['default', 'declared', 'arrow', 'imported_1']);
    expect(exports).to.not.have.property('node_os_1');
    expect(exports.declared(1)).to.equal(2);
    expect(exports.imported_1.imported()).to.equal('imported');
    expect(call('context')).to.include('context');
  });
});

function inline(): string {
  return 'inline';
}
