import { expect } from 'chai';
import { assemble } from '../../src/slice/assemble.js';

describe('slice/assemble', () => {
  it('keeps ranges where they were and blanks out the rest, line ends apart', () => {
    expect(assemble('ab\ncd\r\nef', [{ start: 4, end: 5 }], [])).to.equal('  \n d');
  });

  it('joins ranges that touch or overlap', () => {
    const kept = [
      { start: 3, end: 5 },
      { start: 1, end: 3 },
      { start: 2, end: 4 },
    ];
    expect(assemble('abcdef', kept, [])).to.equal(' bcde');
  });

  it('writes marks over what was blanked out', () => {
    const text = assemble(
      'f(x=>x)',
      [{ start: 2, end: 6 }],
      [
        { at: 0, text: '$=' },
        { at: 6, text: ';' },
      ],
    );
    expect(text).to.equal('$=x=>x;');
  });

  it('pushes text along where there is no room for a mark', () => {
    const kept = [
      { start: 0, end: 2 },
      { start: 2, end: 4 },
    ];
    expect(assemble('abcd', kept, [{ at: 4, text: ';' }])).to.equal('abcd;');
    expect(
      assemble(
        'ab cd',
        [
          { start: 0, end: 2 },
          { start: 3, end: 5 },
        ],
        [{ at: 2, text: ';;' }],
      ),
    ).to.equal('ab;;cd');
  });

  it('never writes a mark over a line end', () => {
    expect(
      assemble(
        'ab\ncd',
        [
          { start: 0, end: 2 },
          { start: 3, end: 5 },
        ],
        [{ at: 2, text: ';' }],
      ),
    ).to.equal('ab;\ncd');
  });
});
