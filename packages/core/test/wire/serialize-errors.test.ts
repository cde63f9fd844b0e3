import { expect } from 'chai';
import { KinetinError } from '../../src/errors.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { MAX_DEPTH, MAX_ERROR_CHARS } from '../../src/wire/limits.js';
import { serialize } from '../../src/wire/serialize.js';

type AnyError = Error & Record<string, unknown>;
const trip = (value: unknown): AnyError => deserialize(serialize(value)) as AnyError;

function throwing(name: string, thrown: unknown): Error {
  return Object.defineProperty(new Error('message'), name, {
    get() {
      throw thrown;
    },
    enumerable: true,
  });
}

describe('wire/serialize-errors', () => {
  for (const Type of [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ]) {
    it(`keeps the class, message and stack of ${Type.name}`, () => {
      const error = new Type('went wrong: ä😀');
      const got = trip(error);
      expect(Object.getPrototypeOf(got)).to.equal(Type.prototype);
      expect(got.name).to.equal(Type.name);
      expect(got.message).to.equal(error.message);
      expect(got.stack).to.equal(error.stack);
      expect(Object.keys(got)).to.deep.equal([]);
      const cloned = structuredClone(error);
      expect(got).to.include({ name: cloned.name, message: cloned.message, stack: cloned.stack });
    });
  }

  it('keeps a cause, whatever it is, out of sight of Object.keys', () => {
    const cause = new TypeError('inner', { cause: { code: 7 } });
    const got = trip(new Error('outer', { cause }));
    expect(got.cause).to.be.instanceOf(TypeError);
    expect((got.cause as Error).message).to.equal('inner');
    expect((got.cause as Error).cause).to.deep.equal({ code: 7 });
    expect(Object.keys(got)).to.deep.equal([]);
    expect('cause' in trip(new Error('x', { cause: undefined }))).to.equal(true);
    expect('cause' in trip(new Error('x'))).to.equal(false);
  });

  it('keeps a cause that leads back to the error', () => {
    const error = new Error('outer');
    error.cause = new Error('inner', { cause: error });
    const got = trip(error);
    expect((got.cause as Error).cause).to.equal(got);
  });

  it('keeps the errors of an AggregateError', () => {
    const got = trip(new AggregateError([new TypeError('a'), 'b'], 'both'));
    expect(got).to.be.instanceOf(Error);
    expect(got).to.include({ name: 'AggregateError', message: 'both' });
    expect((got.errors as unknown[])[0]).to.be.instanceOf(TypeError);
    expect((got.errors as unknown[])[1]).to.equal('b');
    expect(Object.keys(got)).to.deep.equal([]);
  });

  it('keeps own properties and code', () => {
    const error = Object.assign(new Error('x'), {
      code: 'ENOENT',
      errno: -2,
      path: '/x',
      at: new Date(5),
    });
    const got = trip(error);
    expect(got).to.include({ code: 'ENOENT', errno: -2, path: '/x' });
    expect(got.at).to.deep.equal(new Date(5));
    expect(Object.keys(got)).to.have.members(['code', 'errno', 'path', 'at']);
  });

  it('keeps the name of a class that is not known here, and its code', () => {
    const got = trip(new KinetinError('OwnError', 'ERR_OWN', 'mine', { detail: 1 }));
    expect(got).to.be.instanceOf(Error);
    expect(got).to.include({ name: 'OwnError', code: 'ERR_OWN', message: 'mine', detail: 1 });
    expect(Object.keys(got)).not.to.include('name');
  });

  it('keeps name, message and code of a DOMException', () => {
    const got = trip(new DOMException('stopped', 'AbortError'));
    expect(got).to.be.instanceOf(Error);
    expect(got).to.include({ name: 'AbortError', message: 'stopped', code: 20 });
  });

  it('keeps a name that was assigned', () => {
    expect(trip(Object.assign(new Error('x'), { name: 'Renamed' })).name).to.equal('Renamed');
  });

  it('keeps a property named __proto__ as a property', () => {
    const error = new Error('x');
    Object.defineProperty(error, '__proto__', { value: { a: 1 }, enumerable: true });
    const got = trip(error);
    expect(Object.getPrototypeOf(got)).to.equal(Error.prototype);
    expect(Object.getOwnPropertyDescriptor(got, '__proto__')?.value).to.deep.equal({ a: 1 });
  });

  describe('never fails', () => {
    it('for parts that cannot travel: a note takes their place', () => {
      const response = { body: { stream: () => {} } };
      const got = trip(Object.assign(new Error('x'), { response, after: 'kept' }));
      expect(got.response).to.equal(
        '[value.response.body.stream cannot travel: a function (stream); functions travel only as what is called]',
      );
      expect(got.after).to.equal('kept');
    });

    it('and leaves no trace of the parts that could not', () => {
      const shared = { fine: 1 };
      const error = Object.assign(new Error('x'), {
        bad: [shared, [[]], () => {}],
        good: [shared, {}],
      });
      const [got, also] = trip([error, shared]) as unknown as [AnyError, object];
      expect(got.good).to.deep.equal([shared, {}]);
      expect((got.good as object[])[0]).to.equal(also);
    });

    it('for a bad part of a bad part', () => {
      const inner = Object.assign(new Error('inner'), { f: () => {} });
      const got = trip(Object.assign(new Error('outer'), { inner, list: [inner, () => {}] }));
      expect((got.inner as AnyError).f).to.contain('value.inner.f cannot travel');
      expect(got.list).to.contain('value.list[1] cannot travel');
    });

    it('and does not count the levels of the parts that could not', () => {
      const parts = Object.fromEntries(
        Array.from({ length: MAX_DEPTH }, (_, i) => [`part${i}`, [[{ f: () => {} }]]]),
      );
      const got = trip(Object.assign(new Error('x'), parts, { last: [[1]] }));
      expect(got.part499).to.contain('part499[0][0].f cannot travel: a function');
      expect(got.last).to.deep.equal([[1]]);
    });

    it('for causes beyond the depth limit', () => {
      let error = new Error('last');
      for (let i = 0; i < MAX_DEPTH + 100; i++) error = new Error(`cause ${i}`, { cause: error });
      let got: unknown = trip(error);
      let levels = 0;
      while (got instanceof Error) {
        levels++;
        got = got.cause;
      }
      expect(levels).to.equal(MAX_DEPTH);
      expect(got).to.contain('nested more than');
    });

    for (const name of ['name', 'message', 'stack', 'cause', 'code', 'errors', 'own']) {
      for (const thrown of [new Error('getter'), null]) {
        it(`for a getter of "${name}" that throws ${thrown}`, () => {
          const got = trip([throwing(name, thrown)]) as unknown as [AnyError];
          expect(got[0]).to.be.instanceOf(Error);
          if (name !== 'message') expect(got[0].message).to.equal('message');
        });
      }
    }

    for (const [title, odd] of [
      ['a symbol', Symbol('s')],
      ['an object without prototype', Object.create(null)],
      ['a function', () => {}],
      ['undefined', undefined],
    ]) {
      it(`for a name, message and stack that are ${title}`, () => {
        const error = new Error('x');
        for (const name of ['stack', 'name', 'message']) {
          Object.defineProperty(error, name, { value: odd });
        }
        const got = trip([error]) as unknown as [AnyError];
        expect(got[0]).to.be.instanceOf(Error);
        expect(got[0].message).to.be.a('string');
        expect(got[0].stack).to.be.a('string');
        if (odd === undefined) expect(got[0].stack).to.equal('');
      });
    }

    it('for a proxy of an error whose traps throw', () => {
      const traps = {
        has: () => {
          throw new Error('trap');
        },
      };
      const got = trip([Object.assign(new Error('x'), { part: new Proxy(new Error('y'), traps) })]);
      expect((got as unknown as [AnyError])[0].message).to.equal('x');
    });
  });

  it('cuts a message and a stack that are too long, with a note', () => {
    const longest = new Error('m'.repeat(MAX_ERROR_CHARS));
    longest.stack = 's'.repeat(MAX_ERROR_CHARS);
    expect(trip(longest)).to.include({ message: longest.message, stack: longest.stack });
    const longer = new Error('m'.repeat(MAX_ERROR_CHARS + 1));
    longer.stack = 's'.repeat(MAX_ERROR_CHARS + 1);
    const cut = trip(longer);
    expect(cut.message).to.equal(`${'m'.repeat(MAX_ERROR_CHARS)} ... (1 more characters)`);
    expect(cut.stack).to.equal(`${'s'.repeat(MAX_ERROR_CHARS)} ... (1 more characters)`);
    const error = new Error('m'.repeat(MAX_ERROR_CHARS + 10));
    error.stack = 's'.repeat(MAX_ERROR_CHARS * 2);
    const got = trip(error);
    expect(got.message).to.equal(`${'m'.repeat(MAX_ERROR_CHARS)} ... (10 more characters)`);
    expect(got.stack).to.match(/s \.\.\. \(65536 more characters\)$/);
  });

  it('takes thousands of errors with parts that cannot travel', () => {
    const errors = Array.from({ length: 20_000 }, () =>
      Object.assign(new Error('x'), { f: () => {} }),
    );
    const got = trip(new AggregateError(errors));
    expect(got.errors).to.have.lengthOf(20_000);
  });
});
