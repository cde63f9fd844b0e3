import { expect } from 'chai';
import { type Anything, load, send } from './evaluate.js';

const forms = await load('forms.mjs');
const common = await load('common.cjs');
const greet = await load('common-default.cjs');
globalThis.sliceEvents.splice(0);

type Case = readonly [title: string, fn: Anything, args: readonly unknown[], expected: unknown];

const { inner, tasks, Tasks } = forms;

const CASES: readonly Case[] = [
  ['a declaration', forms.declared, [3], 13],
  ['an async declaration and its helpers', forms.asynchronous, [3], { x: 3, base: 10, a: 1 }],
  ['a generator', forms.generator, [3], [3, 10]],
  ['an async generator', forms.asyncGenerator, [3], [3]],
  ['an arrow without parentheses', forms.arrow, [3], 13],
  ['an arrow with parentheses', forms.parenthesized, [3], 26],
  ['an async arrow', forms.asyncArrow, [3], 3],
  ['a function expression', forms.expression, [3], 6],
  ['a named function expression that calls itself', forms.named, [3], 'done'],
  ['an anonymous default export', forms.default, [3], [3, 10]],
  ['a function that changes variables of a list', forms.count, [], 2],
  ['a function with default, named and namespace imports', forms.imported, [3], 'b6libstring'],
  ['a static method with its class as this', Tasks.times, [3], 9],
  ['an async static method that calls another', Tasks.asyncTimes, [3], 9],
  ['an arrow in a static field', Tasks.arrow, [3], 6],
  ['an instance method that does not use this', Tasks.prototype.plain, [3], 13],
  ['an object method with its object as this', tasks.multiply, [3], 15],
  ['an object method that does not use this', tasks.plain, [3], 13],
  ['an async object method', tasks.later, [3], 3],
  ['a generator method', tasks.generate, [3], [3]],
  ['a method with a quoted name', tasks['quoted name'], [3], 3],
  ['a method with a computed name', tasks.computed10, [3], 3],
  ['an arrow in an object', tasks.arrow, [3], 13],
  ['a method of a nested object with that as this', tasks.nested.deep, [3], 12],
  ['a member that calls itself through its object', tasks.recursive, [3], 10],
  ['the first value of a variable', forms.first, [], 'first'],
  ['a later value of a variable', forms.second, [], 'second'],
  ['a member without its siblings', forms.mixed.travels, [3], 13],
  ['a constructor function with its prototype', forms.legacy, [], 27],
  ['a function that uses a compiled enum', forms.color, [], 'Red'],
  ['a function that uses a table filled by a loop', forms.lookup, [3], 19],
  ['an inline function of a function', inner.inline, [3], 13],
  ['parameters that hide enclosing variables', inner.shadowed, [1, { listen: 2 }], [1, 2]],
  ['a nested arrow that calls itself', inner.recursive, [3], 10],
  ['a nested declaration that calls itself', inner.declared, [3], 10],
  ['a method of a nested object', inner.method, [3], 13],
  ['a static method of a nested class', inner.localClass, [3], 13],
  ['a function that needs the function around it', inner.again, [], 'enclosing'],
  ['a function that needs the statement around it', forms.wrapped[0], [3], 'wrapped'],
  ['CommonJS: a declaration', common.declared, [3], 'b6string'],
  ['CommonJS: a function that refers to exports', common.callsExport, [3], 113],
  ['CommonJS: an export that calls itself', common.recursive, [3], 'done'],
  ['CommonJS: an object method with its object as this', common.tasks.multiply, [3], 15],
  ['CommonJS: an object method', common.tasks.plain, [3], 13],
  ['CommonJS: a static method with its class as this', common.Tasks.times, [3], 9],
  ['CommonJS: a require that may fail', common.optional, [3], 3],
  ['CommonJS: a compiled enum', common.level, [], 3],
  ['CommonJS: an export with a getter', common.usesLazy, [3], 6],
  ['CommonJS: require and module', common.here, [], ['function', 'object']],
  ['CommonJS: an inline function', common.makeInline('x').good, [3], 13],
  ['CommonJS: module.exports', greet, ['Ann'], 'hello Ann'],
  ['CommonJS: a function that refers to module.exports', greet.polite, ['Ann'], 'dear hello Ann'],
];

describe('slice/reference-forms', () => {
  for (const [title, fn, args, expected] of CASES) {
    it(`sends ${title}`, async () => {
      const sent = await send(fn);
      expect(await plain(sent.call(...args))).to.deep.equal(expected);
      expect(globalThis.sliceEvents.splice(0), 'ran on its own').to.deep.equal([]);
    });
  }
});

/** Settles promises and collects what generators yield. */
async function plain(result: Anything): Promise<unknown> {
  const value = await result;
  if (typeof value?.next !== 'function') return value;
  const items: unknown[] = [];
  for await (const item of value) items.push(item);
  return items;
}
