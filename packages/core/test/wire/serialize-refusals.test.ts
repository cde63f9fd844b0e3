import { expect } from 'chai';
import type { SerializeError } from '../../src/errors.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { MAX_DEPTH } from '../../src/wire/limits.js';
import { serialize } from '../../src/wire/serialize.js';

function refusal(value: unknown, root?: string): SerializeError {
  try {
    serialize(value, undefined, 0, root);
  } catch (error) {
    const refused = error as SerializeError;
    expect(refused.name, String(refused.stack)).to.equal('SerializeError');
    expect(refused.code).to.equal('ERR_NOT_SERIALIZABLE');
    expect(refused.message).to.contain(refused.path);
    return refused;
  }
  throw new Error('the value was not refused');
}

class Point {
  x = 1;
}

/** A class instance that claims to be something else. */
const impostor = (tag: string) => ({ __proto__: { [Symbol.toStringTag]: tag }, length: 3 });

function detachedBuffer(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

/** As newer versions of Node have it. */
const float16 = Object.defineProperty(new Uint16Array(1), Symbol.toStringTag, {
  value: 'Float16Array',
});

const refused: [title: string, value: unknown, why: string][] = [
  ['a function', function named() {}, 'a function (named)'],
  ['an anonymous function', (() => () => {})(), 'a function (anonymous)'],
  ['a class', Point, 'a function (Point)'],
  [
    'a function whose name is a symbol',
    Object.defineProperty(() => {}, 'name', { value: Symbol('s') }),
    '',
  ],
  ['a symbol', Symbol('s'), 'a symbol'],
  ['a class instance', new Point(), 'an instance of Point'],
  ['a URL', new URL('https://example.com'), 'an instance of URL'],
  ['a promise', Promise.resolve(1), 'an instance of Promise'],
  ['a WeakMap', new WeakMap(), 'an instance of WeakMap'],
  ['a WeakRef', new WeakRef({}), 'an instance of WeakRef'],
  ['a SharedArrayBuffer', new SharedArrayBuffer(4), 'an instance of SharedArrayBuffer'],
  ['a regular expression', /x/, 'an instance of RegExp'],
  ['a generator', (function* () {})(), ''],
  ['a proxy of a function', new Proxy(() => {}, {}), 'a function'],
  ['a proxy of a class instance', new Proxy(new Point(), {}), 'an instance of Point'],
  ['a proxy of a promise', new Proxy(Promise.resolve(), {}), 'an instance of Promise'],
  ['a proxy of a map', new Proxy(new Map(), {}), ''],
  ['a proxy of a date', new Proxy(new Date(), {}), ''],
  ['a revoked proxy', revoked(), ''],
  ['a detached buffer', detachedBuffer(), ''],
  ['a view of an unknown type', float16, 'an instance of Uint16Array'],
  ['a boxed number', Object(1), 'an instance of Number'],
  ['an instance of a class without a name', new (class {})(), ''],
  ['an instance with an odd constructor', { __proto__: {}, constructor: null }, ''],
  [
    'an instance that throws at its tag',
    {
      __proto__: {
        get [Symbol.toStringTag]() {
          throw new Error('no tag');
        },
      },
    },
    '',
  ],
  ['an instance that claims to be a Uint8Array', impostor('Uint8Array'), ''],
  ['an instance that claims to be a DataView', impostor('DataView'), ''],
];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('wire/serialize-refusals', () => {
  for (const [title, value, why] of refused) {
    it(`refuses ${title}, with its path`, () => {
      expect(refusal(value).path).to.equal('value');
      const error = refusal([{ deep: { 'odd key': [1, value] } }], 'args');
      expect(error.path).to.equal('args[0].deep["odd key"][1]');
      expect(error.message).to.contain(why);
      expect(error.message).to.match(/^args\[0\]\.deep\["odd key"\]\[1\] cannot travel: /);
    });
  }

  it('names the entry of a map or a set', () => {
    const map = new Map<unknown, unknown>([
      ['a', 1],
      ['b', () => {}],
    ]);
    expect(refusal({ map }).path).to.equal('value.map[1]');
    expect(refusal({ map: new Map([[() => {}, 1]]) }).path).to.equal('value.map[0]');
    expect(refusal({ set: new Set([1, 2, () => {}]) }).path).to.equal('value.set[2]');
  });

  it('names odd keys so that the path is one expression', () => {
    const odd = { '': { 'a.b': { '1': { ['a"\n']: () => {} } } } };
    expect(refusal(odd).path).to.equal('value[""]["a.b"]["1"]["a\\"\\n"]');
    expect(refusal({ $ok_1: () => {} }).path).to.equal('value.$ok_1');
  });

  it('names what is refused second, after a part that could travel', () => {
    const shared = { fine: true };
    expect(refusal([shared, shared, { f: () => {} }]).path).to.equal('value[2].f');
  });

  for (const [title, thrown] of [
    ['an error', new Error('getter failed')],
    ['null', null],
    ['a symbol', Symbol('getter failed')],
    ['an object that cannot be printed', Object.create(null)],
  ] as const) {
    it(`refuses a getter that throws ${title}, with its path`, () => {
      const value = {
        fine: 1,
        get broken() {
          throw thrown;
        },
      };
      const error = refusal([value], 'args');
      expect(error.path).to.equal('args[0].broken');
      if (title === 'an error') expect(error.message).to.contain('getter failed');
      // The codec is as good as new.
      expect(deserialize(serialize([1]))).to.deep.equal([1]);
    });
  }

  it('refuses a proxy whose traps throw, with its path', () => {
    const traps = {
      get: () => {
        throw new Error('trap');
      },
    };
    expect(refusal([new Proxy([1], traps)]).path).to.match(/^value\[0\]/);
    expect(refusal([new Proxy({ a: 1 }, traps)]).path).to.match(/^value\[0\]/);
    const keys = {
      ownKeys: () => {
        throw new Error('trap');
      },
    };
    expect(refusal({ a: new Proxy({}, keys) }).path).to.equal('value.a');
  });

  describe('nesting', () => {
    const nest = (levels: number): unknown => {
      let value: unknown = 'bottom';
      for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value };
      return value;
    };

    it(`is allowed ${MAX_DEPTH} levels deep`, () => {
      expect(deserialize(serialize(nest(MAX_DEPTH)))).to.deep.equal(nest(MAX_DEPTH));
    });

    it('is refused beyond, with the path', () => {
      const error = refusal(nest(MAX_DEPTH + 1));
      expect(error.message).to.contain('nested more than 500 levels deep');
      expect(error.path).to.match(/^value(\.a|\[0\]){500}$/);
    });

    it('counts levels, not objects', () => {
      const wide = Array.from({ length: 5000 }, () => [{}]);
      expect(deserialize(serialize(wide))).to.deep.equal(wide);
    });

    it('is counted anew after a refusal', () => {
      refusal(nest(600));
      expect(deserialize(serialize(nest(MAX_DEPTH)))).to.deep.equal(nest(MAX_DEPTH));
    });
  });
});
