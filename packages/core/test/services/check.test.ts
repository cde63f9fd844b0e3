import { expect } from 'chai';
import { checkArguments, checkService } from '../../src/services/check.js';
import { Service } from '../../src/services/service.js';

class Sample extends Service {
  static serviceName: unknown = 'sample';
  static exposed: unknown = { work: { policy: 'above', args: ['string'] } };
  work(): void {}
}

/** The class with other static members. */
function sampleWith(members: object): Service {
  return new (Object.assign(class extends Sample {}, members))();
}

describe('services/check', () => {
  it('takes a service that makes sense, and returns its class', () => {
    expect(checkService(new Sample())).to.equal(Sample);
    const members = { concurrency: 'deduplicated', keepMs: 2 ** 31 - 1 };
    expect(() => checkService(sampleWith(members))).not.to.throw();
    expect(() => checkService(sampleWith({ exposed: {} }))).not.to.throw();
    expect(() => checkService(sampleWith({ serviceName: 'x'.repeat(100) }))).not.to.throw();
  });

  const WRONG: [members: object, message: RegExp][] = [
    [{ serviceName: undefined }, /serviceName must be a text of 1 to 100/],
    [{ serviceName: '' }, /serviceName/],
    [{ serviceName: 'x'.repeat(101) }, /serviceName/],
    [{ exposed: undefined }, /exposes nothing/],
    [{ exposed: { work: undefined } }, /exposed\.work is missing/],
    [{ exposed: { play: { policy: 'above' } } }, /play, which is no method/],
    [{ exposed: { work: {} } }, /work has no policy/],
    [{ exposed: { work: { policy: 'everybody' } } }, /work has no policy/],
    [{ exposed: { work: { policy: 'above', args: ['text'] } } }, /"text", which is no type/],
    [{ exposed: { work: { policy: 'above', args: [5] } } }, /which is no type/],
    [{ concurrency: 'sometimes' }, /sometimes is no concurrency/],
    [{ exposed: { toString: { policy: 'above' } } }, /toString is a name that the language/],
    [{ keepMs: -1 }, /keepMs/],
    [{ maxCalls: 0 }, /maxCalls must be a whole number from 1/],
    [{ maxCalls: 1.5 }, /maxCalls/],
    [{ maxcalls: 1 }, /its static maxcalls means nothing; did you mean maxCalls\?/],
    [{ maxCalls: Number.NaN }, /maxCalls/],
    [{ maxKept: 0 }, /maxKept must be a whole number from 1/],
    [{ maxKept: 1.5 }, /maxKept/],
    [{ maxKept: Number.NaN }, /maxKept/],
    [{ maxkept: 1 }, /its static maxkept means nothing; did you mean maxKept\?/],
    [{ keepMs: Number.NaN }, /keepMs/],
    [{ keepMs: 2 ** 31 }, /keepMs/],
  ];
  for (const [members, message] of WRONG) {
    it(`refuses one where ${message} is wrong`, () => {
      expect(() => checkService(sampleWith(members)))
        .to.throw(TypeError, message)
        .with.property('code', 'ERR_INVALID_ARG');
    });
  }

  const VALUES: [word: string, fitting: unknown[], others: unknown[]][] = [
    ['string', ['', 'x'], [1, null, undefined, new String('x')]],
    ['number', [0, Number.NaN], ['1', 1n]],
    ['boolean', [true, false], [0, 'true']],
    ['bigint', [1n], [1]],
    ['object', [{}, new Date(), new Map()], [null, [], Buffer.from('x'), 'x']],
    ['array', [[], [1]], [{}, { length: 0 }]],
    ['bytes', [Buffer.from('x'), new Uint8Array(1)], [new Uint16Array(1), 'x', []]],
    ['any', [undefined, null, 1, [], {}], []],
  ];
  for (const [word, fitting, others] of VALUES) {
    it(`tells what is ${word} from what is not`, () => {
      for (const value of fitting) checkArguments('a.b', [word], [value]);
      for (const value of others) {
        expect(() => checkArguments('a.b', [word], [value]), String(value)).to.throw(
          TypeError,
          /^cannot call a\.b: argument 1 (must be of type|is missing)/,
        );
      }
    });
  }

  it('takes nothing for what may be left out, and nothing else that is wrong', () => {
    checkArguments('a.b', ['string?', 'number?'], []);
    checkArguments('a.b', ['string?', 'number?'], [undefined, 5]);
    expect(() => checkArguments('a.b', ['string?'], [null])).to.throw('not null');
    expect(() => checkArguments('a.b', ['string?'], [5])).to.throw('type string, not number');
  });

  it('takes nothing but true from a function as a yes', () => {
    checkArguments('a.b', [() => true], []);
    expect(() => checkArguments('a.b', [() => Promise.resolve(true) as never], [1])).to.throw(
      'argument 1 is not what the method accepts',
    );
  });
});
