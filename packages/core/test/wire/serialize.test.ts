import { expect } from 'chai';
import { Random, randomValue } from '../../../../test/support/random.js';
import { isSame } from '../../../../test/support/same.js';
import { deserialize } from '../../src/wire/deserialize.js';
import { MAX_FRAME_PAYLOAD } from '../../src/wire/limits.js';
import { Secret } from '../../src/wire/secret.js';
import { type EndpointCodec, reuse, serialize } from '../../src/wire/serialize.js';

const trip = (value: unknown, codec?: EndpointCodec): unknown =>
  deserialize(serialize(value, codec), codec);

const bytesOf = (view: ArrayBufferView) =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);

describe('wire/serialize', () => {
  describe('values that structuredClone knows', () => {
    it('come out as structuredClone gives them (4,000 random values)', () => {
      for (let seed = 1; seed <= 4000; seed++) {
        const value = randomValue(new Random(seed));
        const message = `seed ${seed}`;
        expect(isSame(structuredClone(value), trip(value)), message).to.equal(true);
      }
    });

    it('are encoded in the same bytes again after a round trip', () => {
      for (let seed = 1; seed <= 500; seed++) {
        const bytes = serialize(randomValue(new Random(seed)));
        expect(serialize(deserialize(bytes)).equals(bytes), `seed ${seed}`).to.equal(true);
      }
    });

    const plain: [title: string, value: unknown][] = [
      ['undefined', undefined],
      ['null', null],
      ['booleans', [true, false]],
      ['the edges of 32-bit integers', [2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1]],
      ['safe integers and beyond', [2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 60, 1e21]],
      ['-0', -0],
      ['NaN and infinities', [Number.NaN, Infinity, -Infinity]],
      ['the least and the largest double', [5e-324, 1.7976931348623157e308]],
      ['bigints', [0n, 1n, -1n, 2n ** 64n, -(2n ** 64n), (1n << 100_000n) - 1n, -(1n << 100_000n)]],
      ['an empty text', ''],
      ['texts at the edges of the short form', [42, 43, 127, 128, 129].map((n) => 'x'.repeat(n))],
      ['wide texts', [42, 43, 127].flatMap((n) => ['€'.repeat(n), '😀'.repeat(n)])],
      ['a text of a megabyte', 'ä'.repeat(1 << 19)],
      ['lone surrogates', ['\ud800', 'a\udfffb', '\udc00\ud800', '😀\ud83d']],
      ['NUL, a byte order mark and U+FFFD', '\0\ufeff\ufffd'],
      ['empty containers', [[], {}, new Map(), new Set()]],
      ['keys that name prototypes', JSON.parse('{"__proto__":1,"constructor":2,"toString":3}')],
      ['empty and odd keys', { '': 1, 'a b': 2, ä: 3, 0: 4, '-1': 5, [`k${'x'.repeat(500)}`]: 6 }],
      ['dates', [new Date(0), new Date(-1), new Date(8.64e15), new Date(Number.NaN)]],
      [
        'maps with objects as keys',
        new Map<unknown, unknown>([
          [{ a: 1 }, [1]],
          [Number.NaN, -0],
        ]),
      ],
      ['nested sets', new Set([new Set([1, 'x']), new Set([])])],
    ];
    for (const [title, value] of plain) {
      it(`keep ${title}`, () => {
        expect(isSame(value, trip(value))).to.equal(true);
      });
    }

    it('keep the holes of arrays, also at their ends', () => {
      // biome-ignore lint/suspicious/noSparseArray: that is what is tested
      const sparse = [, 1, , undefined, ,];
      const got = trip(sparse) as unknown[];
      expect(got).to.have.lengthOf(5);
      expect([0, 1, 2, 3, 4].map((i) => i in got)).to.deep.equal([false, true, false, true, false]);
      expect(trip(new Array(1000))).to.have.lengthOf(1000);
    });

    it('keep a key named __proto__ as a property, and the prototype as it is', () => {
      const got = trip(JSON.parse('{"__proto__":{"polluted":true}}')) as object;
      expect(Object.keys(got)).to.deep.equal(['__proto__']);
      expect(Object.getPrototypeOf(got)).to.equal(Object.prototype);
      expect((got as { polluted?: unknown }).polluted).to.equal(undefined);
    });

    it('keep the order of keys and entries', () => {
      const got = trip({
        z: 1,
        a: 2,
        m: new Map([
          ['y', 1],
          ['b', 2],
        ]),
      }) as Record<string, unknown>;
      expect(Object.keys(got)).to.deep.equal(['z', 'a', 'm']);
      expect([...(got.m as Map<string, number>).keys()]).to.deep.equal(['y', 'b']);
    });

    it('drop what structuredClone drops: symbols, accessors, what is not enumerable', () => {
      const value = Object.defineProperty({ [Symbol('s')]: 1, kept: 1 }, 'hidden', { value: 1 });
      expect(trip(value)).to.deep.equal({ kept: 1 });
      expect(Object.getOwnPropertySymbols(trip(value))).to.deep.equal([]);
      const read = trip({
        get now() {
          return 7;
        },
      });
      expect(Object.getOwnPropertyDescriptor(read, 'now')).to.include({ value: 7, writable: true });
    });

    it('lose their own classes where they extend a known one', () => {
      class Own extends Map<number, number> {}
      class List extends Array<number> {}
      const got = trip([new Own([[1, 2]]), List.of(1, 2)]) as object[];
      expect(got.map((one) => Object.getPrototypeOf(one))).to.deep.equal([
        Map.prototype,
        Array.prototype,
      ]);
      expect(isSame(got, [new Map([[1, 2]]), [1, 2]])).to.equal(true);
    });

    it('are plain where they had no prototype', () => {
      const bare = Object.assign(Object.create(null), { a: 1 });
      expect(Object.getPrototypeOf(trip(bare))).to.equal(Object.prototype);
    });
  });

  describe('identity', () => {
    it('of shared objects is kept, of every type', () => {
      const shared = [
        {},
        [],
        new Map(),
        new Set(),
        new Date(1),
        Buffer.from('b'),
        new Error('e'),
      ].concat([new Uint8Array(2), new ArrayBuffer(3), new Secret('s')] as never);
      for (const one of shared) {
        const [a, b] = trip([one, { b: one }]) as [object, { b: object }];
        expect(a, one.constructor.name).to.equal(b.b);
      }
    });

    it('of equal objects is not confused', () => {
      const [a, b] = trip([{ x: 1 }, { x: 1 }]) as [object, object];
      expect(a).not.to.equal(b);
    });

    it('of cycles is kept through arrays, objects, maps, sets and errors', () => {
      const cycle: Record<string, unknown> = {};
      cycle.list = [cycle];
      cycle.map = new Map([[cycle, cycle]]);
      cycle.set = new Set([cycle]);
      cycle.error = Object.assign(new Error('x'), { owner: cycle });
      const got = trip(cycle) as {
        list: object[];
        map: Map<object, object>;
        set: Set<object>;
        error: { owner: object };
      };
      expect(got.list[0]).to.equal(got);
      expect([...got.map]).to.deep.equal([[got, got]]);
      expect(got.set.has(got)).to.equal(true);
      expect(got.error.owner).to.equal(got);
    });
  });

  describe('binary values', () => {
    const types = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array]
      .concat([Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array] as never)
      .concat([DataView] as never);
    for (const Type of types) {
      it(`of type ${Type.name} keep their type and bytes, also from the middle of a buffer`, () => {
        const { buffer } = new Uint8Array(new Random(1).bytes(64));
        const view = new (Type as typeof Uint8Array)(buffer, 16, 2);
        const got = trip(view) as Uint8Array;
        expect(Object.getPrototypeOf(got)).to.equal(Type.prototype);
        expect(bytesOf(got)).to.deep.equal(bytesOf(view));
        expect(got.byteOffset).to.equal(0);
        expect(got.buffer.byteLength).to.equal(view.byteLength);
        expect(
          bytesOf(trip(new (Type as typeof Uint8Array)(new ArrayBuffer(0))) as never),
        ).to.have.lengthOf(0);
      });
    }

    it('that are Buffers stay Buffers', () => {
      const got = trip([Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(100_000, 5)]) as Buffer[];
      expect(got.map(Buffer.isBuffer)).to.deep.equal([true, true, true]);
      expect(got[0]!.toString()).to.equal('abc');
      expect(got[2]!.equals(Buffer.alloc(100_000, 5))).to.equal(true);
      expect(Buffer.isBuffer(trip(new Uint8Array(1)))).to.equal(false);
    });

    it('share no memory with the payload', () => {
      const bytes = serialize([
        Buffer.from('abc'),
        new Uint8Array([1, 2]),
        new Uint8Array([3]).buffer,
      ]);
      const [a, b, c] = deserialize(bytes) as [Buffer, Uint8Array, ArrayBuffer];
      bytes.fill(0);
      expect([a.toString(), [...b], [...new Uint8Array(c)]]).to.deep.equal(['abc', [1, 2], [3]]);
    });

    it('over shared memory travel as copies', () => {
      const view = new Uint8Array(new SharedArrayBuffer(4)).fill(3);
      const got = trip(view) as Uint8Array;
      expect([...got]).to.deep.equal([3, 3, 3, 3]);
      expect(got.buffer).to.be.instanceOf(ArrayBuffer);
    });
  });

  describe('headroom', () => {
    it('is left free in front of the bytes', () => {
      const bytes = serialize({ a: 1 }, undefined, 32);
      expect(deserialize(bytes.subarray(32))).to.deep.equal({ a: 1 });
    });

    it('may be larger than the scratch memory', () => {
      const nested = {
        get a() {
          return deserialize(serialize('inner', undefined, 50_000).subarray(50_000));
        },
      };
      expect(deserialize(serialize(nested, undefined, 50_000).subarray(50_000))).to.deep.equal({
        a: 'inner',
      });
    });
  });

  describe('a value that is encoded while another is', () => {
    it('from within a getter spoils neither', () => {
      const inner = { big: 'i'.repeat(5000), shared: [{}] };
      let bytes: Buffer = Buffer.alloc(0);
      const outer = {
        before: 'b'.repeat(3000),
        get value() {
          bytes = serialize(inner, undefined, 8);
          expect(() =>
            serialize({
              get f() {
                return serialize([() => {}]);
              },
            }),
          ).to.throw('cannot travel');
          return 'from the getter';
        },
        after: [1, 2, 3],
      };
      expect(trip(outer)).to.deep.equal({
        before: 'b'.repeat(3000),
        value: 'from the getter',
        after: [1, 2, 3],
      });
      expect(deserialize(bytes.subarray(8))).to.deep.equal(inner);
    });

    it('from within a codec spoils neither', () => {
      class Door {
        constructor(readonly name: string) {}
      }
      const codec: EndpointCodec = {
        encode: (value) =>
          value instanceof Door ? [3, [value.name, trip({ deep: [value.name] })]] : undefined,
        decode: (kind, plain) => ({ kind, plain }),
      };
      expect(trip([new Door('a'), 'x', new Door('b')], codec)).to.deep.equal([
        { kind: 3, plain: ['a', { deep: ['a'] }] },
        'x',
        { kind: 3, plain: ['b', { deep: ['b'] }] },
      ]);
    });

    it('is not hurt by one that failed before', () => {
      expect(() => serialize({ a: { b: () => {} } })).to.throw('value.a.b');
      expect(() => serialize([[Symbol('x')]], undefined, 0, 'args')).to.throw('args[0][0]');
      expect(trip({ a: [1] })).to.deep.equal({ a: [1] });
    });
  });

  describe('endpoints', () => {
    class Door {}
    const door = new Door();
    const codec: EndpointCodec = {
      encode: (value) => (value === door ? [300, { id: 7, self: [1] }] : undefined),
      decode: (kind, plain) => {
        if (kind !== 300) throw new Error('unknown kind');
        return { opened: plain };
      },
    };

    it('travel as kind and plain value, and keep identity', () => {
      const got = trip([door, { door }, [door]], codec) as [object, { door: object }, [object]];
      expect(got[0]).to.deep.equal({ opened: { id: 7, self: [1] } });
      expect(got[1].door).to.equal(got[0]);
      expect(got[2][0]).to.equal(got[0]);
    });

    it('leave references to later objects right', () => {
      const later = { later: true };
      const got = trip([door, later, later, door], codec) as object[];
      expect(got[1]).to.deep.equal(later);
      expect(got[1]).to.equal(got[2]);
      expect(got[0]).to.equal(got[3]);
    });
  });

  describe('memory of results larger than a frame', () => {
    const large = (fill: number, bytes = 2 * MAX_FRAME_PAYLOAD) =>
      serialize(Buffer.alloc(bytes, fill));

    it("is nobody else's until it is given back", () => {
      const results = [1, 2, 3].map((fill) => large(fill));
      serialize('something small');
      for (const [i, result] of results.entries()) {
        expect(
          (deserialize(result) as Buffer).equals(Buffer.alloc(2 * MAX_FRAME_PAYLOAD, i + 1)),
        ).to.equal(true);
      }
    });

    it('is used again after that, and holds the next result alone', () => {
      const first = large(1);
      reuse(first);
      const second = large(2);
      expect(second.buffer).to.equal(first.buffer);
      expect(large(3).buffer).not.to.equal(second.buffer);
      expect(deserialize(second)).to.deep.equal(Buffer.alloc(2 * MAX_FRAME_PAYLOAD, 2));
    });

    it('that comes back while a value is encoded is not used for that', () => {
      const first = large(1);
      const value = {
        get early() {
          reuse(first);
          return Buffer.alloc(3 * MAX_FRAME_PAYLOAD, 7);
        },
        late: Buffer.alloc(3 * MAX_FRAME_PAYLOAD, 8),
      };
      const got = trip(value) as typeof value;
      expect(got.early).to.deep.equal(Buffer.alloc(3 * MAX_FRAME_PAYLOAD, 7));
      expect(got.late).to.deep.equal(Buffer.alloc(3 * MAX_FRAME_PAYLOAD, 8));
    });

    it('is not kept where a large part did not travel in the end', () => {
      reuse(Buffer.alloc(20_000));
      const error = Object.assign(new Error('e'), {
        own: [Buffer.alloc(8 * 1024 * 1024, 1), () => {}],
      });
      serialize(error);
      // Longer than a frame, so that it is the scratch memory itself.
      const { buffer } = serialize(Buffer.alloc(2 * MAX_FRAME_PAYLOAD));
      expect(buffer.byteLength).to.be.below(1024 * 1024);
    });

    it('is left to its owner where a value could not be encoded', () => {
      expect(() => serialize([Buffer.alloc(2 * MAX_FRAME_PAYLOAD), () => {}])).to.throw();
      const [one, two] = [large(1), large(2)];
      expect(one.buffer).not.to.equal(two.buffer);
    });
  });
});
