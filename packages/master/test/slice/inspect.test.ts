import { expect } from 'chai';
import { locateFunction, readScript } from '../../src/slice/inspect.js';
import { load } from './evaluate.js';
import { runPlain } from './plain.js';

describe('slice/inspect', () => {
  it('gives the executed text, its file and its position', () => {
    const location = locateFunction(function marked() {});
    if (location.kind !== 'script') throw new Error('not found');
    const script = readScript(location.scriptId);
    expect(script.url).to.include('inspect.test.ts');
    const line = script.text.split('\n')[location.line]!;
    expect(line.slice(0, location.column)).to.match(/marked\s*$/);
  });

  it('tells modules from CommonJS files', async () => {
    for (const [file, isModule] of [
      ['lib.mjs', true],
      ['common-lib.cjs', false],
    ] as const) {
      const location = locateFunction((await load(file)).double);
      if (location.kind !== 'script') throw new Error('not found');
      expect(readScript(location.scriptId).isModule).to.equal(isModule);
    }
  });

  it('tells functions without a place apart', () => {
    expect(locateFunction((() => 1).bind(null)).kind).to.equal('bound');
    expect(locateFunction(new Proxy(() => 1, {})).kind).to.equal('proxy');
    expect(locateFunction(Math.max).kind).to.equal('native');
  });

  it('leaves nothing behind on the global object', () => {
    locateFunction(() => 1);
    expect(Object.getOwnPropertySymbols(globalThis).map(String)).to.not.include(
      'Symbol(kinetin.inspected)',
    );
  });

  it('does not stop at a debugger statement afterwards, and lets the program end', () => {
    const program = `
      await send((x) => x + 1);
      debugger;
      report('reached');
    `;
    expect(runPlain(program)).to.equal('reached');
  });
});
