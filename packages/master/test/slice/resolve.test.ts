import { expect } from 'chai';
import { resolveNames } from '../../src/slice/resolve.js';
import { parseText } from '../../src/slice/syntax.js';

type Case = readonly [title: string, text: string, top: string, globals: string];

/** Names that resolve to the top level, and names that resolve to nothing, in order of use. */
const CASES: readonly Case[] = [
  [
    'functions and variables used before their declaration',
    'f(v); function f() {} var v;',
    'f v',
    '',
  ],
  ['globals', 'x(y.z);', '', 'x y'],
  ['vars of nested blocks', '{ if (1) { var a } } for (var b;;) {} a; b;', 'a b', ''],
  ['let and class of blocks', '{ let a; class B {} a; B; } a; B;', '', 'a B'],
  ['functions of blocks', '{ function a() {} a(); }', '', ''],
  ['parameters', '(a, { b, c: d = b }, [e], ...f) => [a, b, c, d, e, f]', '', 'c'],
  ['defaults that do not see the body', 'var x; (a = x) => { var x; x; a; }', 'x', ''],
  ['named function expressions', '(function f() { f(); }); f;', '', 'f'],
  ['named class expressions', '(class A { m() { A; } }); A;', '', 'A'],
  [
    'class heritage and members',
    'class A extends B { [k] = v; static { w; } m() { t; } }',
    '',
    'B k v w t',
  ],
  ['catch parameters', 'try {} catch ({ message }) { message; } message;', '', 'message'],
  ['catch without parameter', 'try {} catch { e; }', '', 'e'],
  ['loops with let', 'for (let i of list) { i; } i;', '', 'list i'],
  ['loops over a target', 'let i; for (i in list) {}', 'i', 'list'],
  ['switch blocks', 'switch (s) { case a: let a; break; default: a; }', '', 's'],
  ['labels', 'a: for (;;) { continue a; }', '', ''],
  ['members and keys', 'a.b; ({ c: d, e, [f]: g, h() {} }); a?.[i];', '', 'a d e f g a i'],
  ['shorthand destructuring assignment', 'let a; ({ a, b: c.d } = e);', 'a', 'c e'],
  ['template literals and tagged ones', 'a`${b}`;', '', 'a b'],
  ['export lists', 'const a = 1; export { a as b };', '', ''],
  ['imports', 'import a, { b as c } from "x"; import * as d from "y"; a; b; c; d;', 'a c d', 'b'],
  ['import.meta', 'import.meta.url;', '', 'import.meta'],
  [
    'arguments, this and new.target of functions',
    '(function () { this; arguments; new.target; });',
    '',
    '',
  ],
  ['arguments and this at the top', '() => [this, arguments]', '', 'this arguments'],
  ['this of fields', '(class { a = this; static b = () => this; }); this;', '', 'this'],
  ['private names', '(class { #a; m(o) { o.#a; #a in o; } });', '', ''],
];

describe('slice/resolve', () => {
  for (const [title, text, top, globals] of CASES) {
    it(`resolves ${title}`, () => {
      const isModule = !text.includes('arguments];') || /import|export/.test(text);
      const resolution = resolveNames(parseText(text, isModule, 'test.js'));
      const { references } = resolution;
      const namesOf = (wanted: boolean) =>
        references
          .filter(({ scope }) => (wanted ? scope === resolution.top : scope === undefined))
          .map(({ name }) => name)
          .join(' ');
      expect([namesOf(true), namesOf(false)]).to.deep.equal([top, globals]);
    });
  }

  it('finds the awaits that belong to no function', () => {
    const text = 'await a; async () => await b; for await (const c of d) {} { await e; }';
    const { awaits } = resolveNames(parseText(text, true, 'test.mjs'));
    expect(awaits.map((offset) => text.slice(offset, offset + 7))).to.deep.equal([
      'await a',
      'for awa',
      'await e',
    ]);
  });

  it('takes the exports of CommonJS for names', () => {
    const text =
      'exports.a = 1; module.exports.b(exports["c"]); exports; module.exports = 2; (exports) => exports.d;';
    const { references } = resolveNames(parseText(text, false, 'test.cjs'));
    expect(
      references.filter(({ scope }) => scope?.parent === undefined).map(({ name }) => name),
    ).to.deep.equal(['exports.a', 'exports.b', 'exports.c', 'exports.*', 'exports.*']);
  });

  it('looks into the function that a tool wrapped around the file', () => {
    for (const text of [
      '__filename="/a.cts";(()=>{\nvar a;a;\n})()',
      '({"Object.<anonymous>":function(module,exports,require,__dirname,__filename,jest){var a;a;\n}});',
    ]) {
      const { references, top } = resolveNames(parseText(text, false, 'test.cjs'));
      expect(references.filter(({ scope }) => scope === top).map(({ name }) => name)).to.deep.equal(
        ['a'],
      );
    }
  });
});
