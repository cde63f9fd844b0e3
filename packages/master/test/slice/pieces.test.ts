import { expect } from 'chai';
import { readPieces } from '../../src/slice/pieces.js';
import { reachFrom } from '../../src/slice/reach.js';
import { parseText } from '../../src/slice/syntax.js';

type Case = readonly [title: string, kept: string, dropped?: string];

/** What belongs to the top-level name `x`, and a statement after it that runs on its own. */
const CASES: readonly Case[] = [
  ['a declaration', 'let x;', 'main(); await main(); void main();'],
  ['an import', 'import { x } from "y";', 'import "z"; import { w } from "y";'],
  ['an assignment', 'let x; x = start();', 'start();'],
  ['an assignment in a chain or pattern', 'let x, y; y = x = 1; [x, y] = [1, 2];'],
  [
    'an assignment to a member',
    'function x() {} x.prototype.m = function () {};',
    'x.prototype.m();',
  ],
  ['an update and a deletion', 'let x = {}; x.n++; delete x.n;'],
  ['a conditional assignment', 'let x; x || (x = 1); y ? (x = 1) : (x = 2);', 'x || main();'],
  [
    'an enum',
    'var x; (function (x) { x.A = 1; })(x || (x = {}));',
    '(function (x) { x.A = 1; })(x);',
  ],
  [
    'a static property',
    'class x {} Object.defineProperty(x, "a", { value: 1 });',
    'Object.keys(y);',
  ],
  [
    'a decorated class',
    'let x = class {}; x = __decorate([d], x); __decorate([d], x.prototype, "m");',
  ],
  ['a class decorated by tslib', 'class x {} (0, tslib.__decorate)([d], x.prototype, "m");'],
  ['a filled collection', 'const x = new Map(); x.set(1, 2);', 'x.forEach(main);'],
  ['a filled list', 'let x = []; x.push(1);', 'x.forEach(main); x.pop();'],
  ['a loop that fills a table', 'const x = []; for (let i = 0; i < 9; i++) { x[i] = i; }'],
  ['the target of a loop', 'let x; for (x of y);'],
  ['an applied function', 'function x() {}', 'Reflect.apply(x, y, []);'],
  ['a choice', 'let x; try { x = 1; } catch { x = 2; } if (y) x = 3; else { x = 4; }'],
  ['a var in a block', 'if (y) { var x = 1; }'],
  ['a helper that keeps a name', 'function x() {}', '__name(x, "x");'],
  [
    'a counter of istanbul',
    'function x() { x = function () { return 1; }; return x(); }',
    'x().s[0]++;',
  ],
];

describe('slice/pieces', () => {
  for (const [title, kept, dropped = ''] of CASES) {
    it(`takes ${title}`, () => {
      const { taken, obstacles } = reach(`${kept} ${dropped}`, 'x');
      expect(obstacles).to.deep.equal([]);
      for (const piece of taken) expect(kept).to.include(piece);
      for (const statement of kept.split(/(?<=;|\}) (?=[a-z([]|Object)/)) {
        if (/\bx\b/.test(statement) && !/^(let|var|const|\})/.test(statement)) {
          expect(taken.join(' ')).to.include(statement.slice(0, 8));
        }
      }
    });
  }

  it('takes what a taken piece needs, and nothing else', () => {
    const { taken } = reach('const a = 1, b = a, c = 2; function x() { return b; } let d;', 'x');
    expect(taken).to.deep.equal(['function x() { return b; }', 'b = a', 'a = 1']);
  });

  it('takes all exports where one cannot be told from the others', () => {
    const text = 'exports.a = 1; __exportStar(require("./y"), exports); const x = () => exports.b;';
    expect(reach(text, 'x', false).taken).to.have.length(3);
  });

  it('takes the export that is used, not those in the same list of placeholders', () => {
    const text =
      'exports.a = exports.b = void 0; exports.a = 1; exports.b = 2; const x = () => exports.a;';
    expect(reach(text, 'x', false).taken).to.not.include('exports.b = 2;');
  });

  it('finds variables that an await or a statement with other effects sets', () => {
    expect(reach('const x = await y;', 'x').obstacles).to.deep.equal(['x awaits']);
    expect(reach('let x; x = await y;', 'x').obstacles).to.deep.equal(['x awaits']);
    expect(reach('let x; if (y) { x = 1; main(); }', 'x').obstacles).to.deep.equal(['x changed']);
    expect(reach('let x; for await (x of y) {}', 'x').obstacles).to.deep.equal(['x awaits']);
  });
});

function reach(text: string, name: string, isModule = true) {
  const found = reachFrom(readPieces(parseText(text, isModule, 'test.js')), { names: [name] });
  return {
    taken: Array.from(found.pieces, ({ start, end }) => text.slice(start, end)),
    obstacles: found.obstacles.map((obstacle) => `${obstacle.name} ${obstacle.reason}`),
  };
}
