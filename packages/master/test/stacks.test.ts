import { moduleFileName } from '@kinetin/core';
import { expect } from 'chai';
import { mapStack } from '../src/stacks.js';

const HASH = '0123456789abcdef'.repeat(4);

/** Line 1 column 1 comes from 3:1; line 2 column 5 from 7:3. */
const MAP = JSON.stringify({
  version: 3,
  sources: ['/home/ann/tasks.ts'],
  names: [],
  mappings: 'AAEA;IAIE',
});

const mapOf = (hash: string) => (HASH.startsWith(hash) ? MAP : undefined);

describe('stacks', () => {
  it('names a module by 16 digits of its hash', () => {
    expect(moduleFileName(HASH)).to.equal('kinetin:0123456789abcdef');
  });

  for (const [title, file] of [
    ['a module name', moduleFileName(HASH)],
    ['a module name with a path', `${moduleFileName(HASH)}/src/tasks.ts`],
    ['a module name with a fragment', `${moduleFileName(HASH)}#diskUsage`],
  ] as const) {
    it(`maps places in ${title}, with and without parentheses`, () => {
      const stack = `Error: x\n    at f (${file}:2:5)\n    at async ${file}:1:1`;
      expect(mapStack(stack, mapOf)).to.equal(
        'Error: x\n    at f (/home/ann/tasks.ts:7:3)\n    at async /home/ann/tasks.ts:3:1',
      );
    });
  }

  it('maps several places of one line', () => {
    const place = `${moduleFileName(HASH)}:2:5`;
    expect(mapStack(`at eval (eval at f (${place}), ${place})`, mapOf)).to.equal(
      'at eval (eval at f (/home/ann/tasks.ts:7:3), /home/ann/tasks.ts:7:3)',
    );
  });

  it('leaves alone what it has no map for', () => {
    const stack = `    at f (kinetin:ffffffffffffffff:1:1)\n    at node:internal/x:1:2\n    at /a/b.js:1:2`;
    expect(mapStack(stack, mapOf)).to.equal(stack);
    expect(mapStack(`at kinetin:0123456789abcdef0:1:1`, mapOf)).to.equal(
      'at kinetin:0123456789abcdef0:1:1',
    );
  });

  it('reads each map once', () => {
    let reads = 0;
    const place = `${moduleFileName(HASH)}:1:1`;
    mapStack(`${place}\n${place}`, () => {
      reads++;
      return MAP;
    });
    expect(reads).to.equal(1);
  });
});
