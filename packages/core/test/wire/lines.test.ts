import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { MAX_LOG_LINE } from '../../src/wire/limits.js';
import { LineSplitter } from '../../src/wire/lines.js';

function split(...chunks: (string | Uint8Array)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.flush();
  return lines;
}

const TEXT = 'first\nzweite: ä€😀\r\n\n\nlast but one\r\n  indented\ttab \nno newline';
const LINES = ['first', 'zweite: ä€😀', '', '', 'last but one', '  indented\ttab ', 'no newline'];

describe('wire/lines', () => {
  it('cuts text into lines, and gives the last one at the flush', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    splitter.push('a\nb');
    expect(lines).to.deep.equal(['a']);
    splitter.push('c');
    splitter.flush();
    splitter.flush();
    expect(lines).to.deep.equal(['a', 'bc']);
  });

  it('gives the same lines wherever the bytes are cut in two', () => {
    const bytes = Buffer.from(TEXT);
    for (let at = 0; at <= bytes.length; at++) {
      expect(split(bytes.subarray(0, at), bytes.subarray(at)), `cut at ${at}`).to.deep.equal(LINES);
    }
  });

  it('gives the same lines however text and bytes are mixed', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const pieces = random.cut(Buffer.from(TEXT), 9);
      expect(split(...pieces), `seed ${seed}`).to.deep.equal(LINES);
      const chars = [...TEXT].map((char) => (random.chance(0.5) ? char : Buffer.from(char)));
      expect(split(...chars), `seed ${seed}`).to.deep.equal(LINES);
    }
  });

  it('takes a Uint8Array that is a part of a larger buffer', () => {
    const whole = new Uint8Array(Buffer.from('xxabc\nyy'));
    expect(split(whole.subarray(2, 6))).to.deep.equal(['abc']);
  });

  it('leaves a carriage return within a line alone', () => {
    expect(split('10%\r20%\r\nend')).to.deep.equal(['10%\r20%', 'end']);
  });

  for (const length of [
    MAX_LOG_LINE - 1,
    MAX_LOG_LINE,
    MAX_LOG_LINE + 1,
    2 * MAX_LOG_LINE,
    50_000,
  ]) {
    it(`cuts a line of ${length} characters into lines of at most ${MAX_LOG_LINE}, no more`, () => {
      const line = 'x'.repeat(length);
      const expected = [];
      for (let at = 0; at < length; at += MAX_LOG_LINE)
        expected.push(line.slice(at, at + MAX_LOG_LINE));
      expect(split(`${line}\nnext`), 'in one piece').to.deep.equal([...expected, 'next']);
      expect(split(line, '\nnext'), 'before its newline').to.deep.equal([...expected, 'next']);
      expect(
        split(...new Random(1).cut(Buffer.from(`${line}\nnext`), 3000)),
        'in pieces',
      ).to.deep.equal([...expected, 'next']);
    });
  }

  it('holds no more than a line of text without newlines', () => {
    const splitter = new LineSplitter(() => {});
    let emitted = 0;
    const counting = new LineSplitter((line) => {
      emitted += line.length;
    });
    for (let i = 0; i < 1000; i++) {
      splitter.push('x'.repeat(1000));
      counting.push('x'.repeat(1000));
    }
    expect(1_000_000 - emitted).to.be.at.most(MAX_LOG_LINE);
  });
});
