import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Random, randomValue } from '../../../../test/support/random.js';
import { ProtocolError } from '../../src/errors.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { MAX_DEPTH } from '../../src/wire/limits.js';
import { Secret } from '../../src/wire/secret.js';
import { type EndpointCodec, serialize } from '../../src/wire/serialize.js';
import * as T from '../../src/wire/tags.js';

const KNOWN_TAGS = 21;

/** What `bytes` cannot be decoded for; undefined where they can. Any other error is a bug. */
function objection(bytes: Buffer, what: string): string | undefined {
  try {
    deserialize(bytes, codec);
    return undefined;
  } catch (error) {
    expect(error, `${what}: ${(error as Error).stack}`).to.be.instanceOf(ProtocolError);
    expect((error as ProtocolError).code).to.equal('ERR_BAD_PAYLOAD');
    return (error as Error).message;
  }
}

/** Understands kind 1 with a number; throws something else for anything else. */
const codec: EndpointCodec = {
  encode: () => undefined,
  decode: (kind, plain) => {
    if (kind !== 1 || typeof plain !== 'number') throw new TypeError('no such endpoint');
    return { endpoint: plain };
  },
};

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

const bytes = (...parts: (number | number[])[]): Buffer => Buffer.from(parts.flat());

/** A payload with every type in it. */
function sample(random: Random): Buffer {
  const error = Object.assign(new TypeError('m', { cause: [1] }), { code: 'E', own: { a: 1 } });
  const extras = [error, new Secret('s'), Buffer.from('bytes'), '\ud800', new AggregateError([1])];
  return serialize([randomValue(random, 3), random.pick(extras), randomValue(random, 2)]);
}

describe('wire/deserialize', () => {
  describe('hostile bytes', () => {
    it('that are changed give a value or ERR_BAD_PAYLOAD (10,000 payloads)', () => {
      const outcomes = { value: 0, refused: 0 };
      for (let seed = 1; seed <= 10_000; seed++) {
        const random = new Random(seed);
        const payload = sample(random);
        for (let left = 1 + random.below(4); left > 0; left--) {
          payload[random.below(payload.length)] = random.chance(0.5)
            ? random.below(KNOWN_TAGS + 2)
            : random.below(256);
        }
        outcomes[objection(payload, `seed ${seed}`) ? 'refused' : 'value']++;
      }
      expect(outcomes.value, 'some are still values').to.be.above(500);
      expect(outcomes.refused, 'some are not').to.be.above(500);
    });

    it('that are cut short give ERR_BAD_PAYLOAD (5,000 payloads)', () => {
      for (let seed = 1; seed <= 5000; seed++) {
        const random = new Random(seed);
        const payload = sample(random);
        const cut = payload.subarray(0, random.below(payload.length));
        expect(objection(cut, `seed ${seed}`), `seed ${seed}`).to.be.a('string');
      }
    });

    it('that are random give a value or ERR_BAD_PAYLOAD (5,000 payloads)', () => {
      for (let seed = 1; seed <= 5000; seed++) {
        const random = new Random(seed);
        const payload = random.bytes(random.below(300));
        // Mostly tags and small numbers, or hardly any would get past the first byte.
        for (let i = 0; i < payload.length; i++) {
          if (random.chance(0.7)) payload[i] = random.below(KNOWN_TAGS + 1);
        }
        objection(payload, `seed ${seed}`);
      }
    });

    it('that are cut at each place give ERR_BAD_PAYLOAD', () => {
      const payload = serialize(
        [1, 2 ** 40, 'text', { a: [null, 7n] }, new Map([[1, 2]]), new Date(1)].concat([
          Buffer.from('b'),
          new Error('e'),
          new Secret('s'),
          new Set([1]),
          '\ud800',
        ] as never),
      );
      for (let at = 0; at < payload.length; at++) {
        expect(objection(payload.subarray(0, at), `cut at ${at}`)).to.be.a('string');
      }
    });

    it('after the value are refused', () => {
      expect(objection(bytes(T.NULL, T.NULL), '')).to.contain('malformed at byte 1 of 2');
      expect(objection(Buffer.alloc(0), '')).to.contain('malformed at byte 0 of 0');
    });
  });

  describe('a length that lies', () => {
    const huge = [2 ** 31, 2 ** 32, 2 ** 45, 2 ** 49 - 1];
    const tags = [T.STRING, T.STRING16, T.ARRAY, T.OBJECT, T.MAP, T.SET, T.BUFFER, T.SECRET];
    for (const length of [...huge, 100]) {
      it(`of ${length} is refused for every type`, () => {
        for (const tag of tags)
          expect(objection(bytes(tag, varint(length), 0, 0, 0), '')).to.contain('malformed');
        expect(objection(bytes(T.VIEW, 2, varint(length), 0), '')).to.contain('malformed');
        expect(objection(bytes(T.BIGINT, 0, varint(length), 0x31), '')).to.contain('malformed');
        expect(objection(bytes(T.ERROR, varint(length), 0), '')).to.contain('malformed');
        expect(objection(bytes(T.ERROR, 0, 0, 0, T.OBJECT, varint(length), 0), '')).to.contain(
          'malformed',
        );
      });
    }

    it('in more digits than a number has is refused', () => {
      expect(objection(bytes(T.STRING, Array(8).fill(255), 0), '')).to.contain('malformed');
      expect(objection(bytes(T.INT, Array(20).fill(128)), '')).to.contain('malformed');
    });

    it('by one is refused', () => {
      expect(objection(bytes(T.STRING, 3, 65, 65), '')).to.contain('malformed');
      expect(objection(bytes(T.OBJECT, 1, 0), '')).to.contain('malformed');
      expect(objection(bytes(T.MAP, 2, 0, 0, 0), '')).to.contain('malformed');
    });

    it('takes no memory where arrays in arrays each claim the whole payload', () => {
      const arrays = Array.from({ length: MAX_DEPTH - 1 }, () => [T.ARRAY, ...varint(2 ** 20)]);
      const payload = Buffer.concat([bytes(...arrays), Buffer.alloc(2 ** 20)]);
      const before = process.memoryUsage().rss;
      objection(payload, '');
      expect(process.memoryUsage().rss - before).to.be.below(300e6);
    });

    it('of a typed array that does not fit its elements is refused', () => {
      for (const kind of [4, 5, 6, 7, 8, 9, 10, 11]) {
        expect(objection(bytes(T.VIEW, kind, 1, 0), '')).to.contain('multiple of');
      }
    });
  });

  describe('nesting', () => {
    for (const [title, tags] of [
      ['arrays', [T.ARRAY, 1]],
      ['objects', [T.OBJECT, 1, 0]],
      ['map keys', [T.MAP, 1]],
      ['sets', [T.SET, 1]],
      ['endpoints', [T.ENDPOINT, 1]],
      ['errors', [T.ERROR, 0, 0, 0, T.OBJECT, 1, 0]],
    ] as const) {
      it(`of ${title} ends at the depth limit`, () => {
        const deep = Array.from({ length: 100_000 }, () => [...tags]);
        expect(objection(bytes(...deep, Array(200_000).fill(1)), '')).to.contain('nested too deep');
      });
    }
  });

  describe('what makes no sense', () => {
    const cases: [title: string, payload: Buffer, why: string][] = [
      ['an unknown type', bytes(T.STRING16 + 1), 'malformed at byte 1'],
      ['a hole outside of an array', bytes(T.HOLE), 'malformed'],
      ['a hole in an object', bytes(T.OBJECT, 1, 0, T.HOLE), 'malformed'],
      ['a reference to nothing', bytes(T.REFERENCE, 0), 'malformed'],
      [
        'a reference to what is not yet there',
        bytes(T.ARRAY, 2, T.REFERENCE, 1, T.SET, 0),
        'malformed',
      ],
      ['an unknown binary type', bytes(T.VIEW, 13, 0), 'not a constructor'],
      ['a bigint without digits', bytes(T.BIGINT, 0, 0), 'BigInt'],
      ['a bigint with a sign among its digits', bytes(T.BIGINT, 0, 2, 0x2d, 0x31), 'BigInt'],
      ['a bigint with other digits', bytes(T.BIGINT, 0, 2, 0x30, 0x78), 'BigInt'],
      ['an error whose properties are an array', bytes(T.ERROR, 0, 0, 0, T.ARRAY, 0), 'malformed'],
      ['an endpoint that the codec refuses', bytes(T.ENDPOINT, 2, T.NULL), 'no such endpoint'],
    ];
    for (const [title, payload, why] of cases) {
      it(`as ${title} is refused`, () => {
        expect(objection(payload, title)).to.contain(why);
      });
    }

    it('as an endpoint without a codec is refused', () => {
      expect(() => deserialize(bytes(T.ENDPOINT, 1, T.NULL))).to.throw('malformed');
    });

    it('does not stay: the next payload is decoded as ever', () => {
      objection(bytes(T.ARRAY, 2, T.OBJECT, 0, 99), '');
      expect(deserialize(bytes(T.ARRAY, 1, T.ARRAY, 0))).to.deep.equal([[]]);
      expect(objection(bytes(T.ARRAY, 1, T.REFERENCE, 1), '')).to.contain('malformed');
    });
  });

  describe('prototypes', () => {
    const key = (text: string) => [text.length, ...Buffer.from(text)];
    it('are not touched by keys', () => {
      for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'then']) {
        const payload = bytes(
          T.OBJECT,
          2,
          key(name),
          T.OBJECT,
          1,
          key('x'),
          T.TRUE,
          key(name),
          T.NULL,
        );
        const got = deserialize(payload) as object;
        expect(Object.getPrototypeOf(got)).to.equal(Object.prototype);
        expect(Object.getOwnPropertyDescriptor(got, name)).to.deep.include({
          value: null,
          enumerable: true,
        });
        expect(({} as Record<string, unknown>).x).to.equal(undefined);
      }
    });

    it('of errors are not chosen by the sender beyond the standard classes', () => {
      for (const name of [
        'Object',
        'Function',
        '__proto__',
        'Array',
        'constructor',
        'AggregateError',
      ]) {
        const got = deserialize(bytes(T.ERROR, key(name), 0, 0, T.OBJECT, 0)) as Error;
        expect(Object.getPrototypeOf(got)).to.equal(Error.prototype);
        expect(got.name).to.equal(name);
      }
    });

    it('of errors are not touched by own properties', () => {
      const own = [
        key('__proto__'),
        T.OBJECT,
        0,
        key('constructor'),
        T.NULL,
        key('message'),
        T.NULL,
      ];
      const got = deserialize(bytes(T.ERROR, 0, 0, 0, T.OBJECT, 3, ...own)) as Error;
      expect(Object.getPrototypeOf(got)).to.equal(Error.prototype);
      expect(Object.hasOwn(got, '__proto__')).to.equal(true);
    });
  });

  it('keeps neither a payload nor its value alive', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const refs = (() => {
      const payload = serialize([{}, Buffer.alloc(1e5)]);
      const value = deserialize(payload) as object;
      const broken = Buffer.concat([payload, payload]);
      objection(broken, '');
      return [payload, value, broken].map((one) => new WeakRef(one));
    })();
    await setImmediate();
    collect();
    expect(refs.map((ref) => ref.deref())).to.deep.equal([undefined, undefined, undefined]);
  });

  it('decodes endpoints with the codec', () => {
    expect(deserialize(bytes(T.ENDPOINT, 1, T.INT, 84), codec)).to.deep.equal({ endpoint: 42 });
  });
});
