import { expect } from 'chai';
import { SliceError } from '../../src/errors.js';
import { offsetAt, parseText, positionAt } from '../../src/slice/syntax.js';

describe('slice/syntax', () => {
  const text = 'a\nb\r\nc\rd\u2028e\u{1F331}f';
  for (const [letter, line, column] of [
    ['a', 0, 0],
    ['b', 1, 0],
    ['c', 2, 0],
    ['d', 3, 0],
    ['e', 4, 0],
    ['f', 4, 3],
  ] as const) {
    it(`counts lines and columns as V8 does (${letter})`, () => {
      expect(positionAt(text, text.indexOf(letter))).to.deep.equal({ line, column });
      expect(offsetAt(text, line, column)).to.equal(text.indexOf(letter));
    });
  }

  it('reads what scripts and modules may hold', () => {
    parseText('#!/usr/bin/env node\nreturn 1;', false, 'a.cjs');
    parseText('await a; import b from "b" with { type: "json" }; using c = d;', true, 'a.mjs');
  });

  it('names the file that it cannot read', () => {
    expect(() => parseText('let let;', true, '/src/a.mjs'))
      .to.throw(SliceError, /^cannot read \/src\/a\.mjs: .*; move the function/)
      .with.property('code', 'ERR_NOT_CALLABLE');
  });
});
