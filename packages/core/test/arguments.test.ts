import { expect } from 'chai';
import { checkOptions, invalidArgument, type OptionTypes } from '../src/arguments.js';

interface Sample {
  hostname?: string;
  port?: number;
  connectTimeout?: number;
  policy?: unknown;
  via?: object | undefined;
}

const TYPES: OptionTypes<Sample> = {
  hostname: 'string',
  port: 'number',
  connectTimeout: 'number',
  policy: '',
  via: 'object',
};

const check = (options: unknown) => () => checkOptions('router.sample', options as Sample, TYPES);

describe('arguments', () => {
  it('takes options that are known and of their type, undefined ones, and none', () => {
    for (const options of [
      {},
      { hostname: 'web1', port: 22, via: {}, policy: null },
      { hostname: undefined, port: undefined, via: undefined, policy: undefined },
      Object.create({ inherited: 1 }),
    ]) {
      expect(check(options)).not.to.throw();
    }
  });

  const WRONG: [options: unknown, message: string][] = [
    [undefined, 'router.sample takes an object with options, not undefined'],
    [null, 'router.sample takes an object with options, not null'],
    ['web1', 'router.sample takes an object with options, not web1'],
    [{ hostnam: 'x' }, 'router.sample has no option hostnam; did you mean hostname?'],
    [{ hostName: 'x' }, 'router.sample has no option hostName; did you mean hostname?'],
    [{ host: 'x' }, 'router.sample has no option host; did you mean hostname?'],
    [{ timeout: 5 }, 'router.sample has no option timeout; did you mean connectTimeout?'],
    [{ ports: 5 }, 'router.sample has no option ports; did you mean port?'],
    [
      { user: undefined },
      'router.sample has no option user; it has hostname, port, connectTimeout, policy, via',
    ],
    [
      { constructor: 1 },
      'router.sample has no option constructor; it has hostname, port, connectTimeout, policy, via',
    ],
    [{ hostname: 5 }, 'router.sample: hostname must be of type string, not number'],
    [{ port: '22' }, 'router.sample: port must be of type number, not string'],
    [{ via: null }, 'router.sample: via must be of type object, not null'],
    [{ via: () => {} }, 'router.sample: via must be of type object, not function'],
  ];
  for (const [options, message] of WRONG) {
    it(`says: ${message}`, () => {
      expect(check(options)).to.throw(TypeError, message).with.property('code', 'ERR_INVALID_ARG');
    });
  }

  it('has a cause where there is one', () => {
    expect(invalidArgument('x')).not.to.have.property('cause');
    const cause = new Error('y');
    expect(invalidArgument('x', cause)).to.have.property('cause', cause);
  });
});
