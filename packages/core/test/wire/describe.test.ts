import { expect } from 'chai';
import { type NaiveFrame, naiveFrame } from '../../../../test/support/naive-frame.js';
import { Random, randomValue } from '../../../../test/support/random.js';
import { describeFrame } from '../../src/wire/describe.js';
import { GENERATOR, SIGNAL } from '../../src/wire/endpoints.js';
import { FLAG_DEAD, FLAG_ERROR, FLAG_MORE } from '../../src/wire/flags.js';
import * as H from '../../src/wire/handles.js';
import { Secret } from '../../src/wire/secret.js';
import { serialize } from '../../src/wire/serialize.js';
import { ERROR, OBJECT } from '../../src/wire/tags.js';

const THREAD_1 = 1 << H.THREAD_SHIFT;
const REPLY: NaiveFrame = { source: 2, authority: 2, handle: 1003 };

/** Lines, and the frames that they describe; the payload is undefined where none is named. */
const HEADERS: [line: string, frame: NaiveFrame][] = [
  ['0 -> 2 CALL reply 1003, 1 B: undefined', { destination: 2, handle: H.CALL, replyHandle: 1003 }],
  ['0 -> 2 CALL strand 9, 1 B: undefined', { destination: 2, handle: H.CALL, flags: 0x90 }],
  ['2 -> 0 1003, 1 B: undefined', REPLY],
  ['2 -> 0 1003 error, 1 B: undefined', { ...REPLY, flags: FLAG_ERROR }],
  ['2 -> 0 1003 dead, 1 B: undefined', { ...REPLY, flags: FLAG_DEAD }],
  ['2 -> 0 1003 as 1, 1 B: undefined', { ...REPLY, authority: 1 }],
  ['2 -> 0 1003 #5 more, 1 B', { ...REPLY, number: 5, flags: FLAG_MORE }],
  ['2 -> 0 1003 #5, 1 B', { ...REPLY, number: 5 }],
  ['2 -> 0 1:1003 #4095:7, 1 B', { ...REPLY, handle: THREAD_1 + 1003, number: 0xfff00007 }],
  ['0 -> 0 1000 reply 1:2000, 1 B: undefined', { handle: 1000, replyHandle: THREAD_1 + 2000 }],
  ['0 -> 0 CREDIT #5, 4 B: 65536', { handle: H.CREDIT, number: 5, payload: Buffer.of(0, 1, 0, 0) }],
  ['0 -> 0 CREDIT #5, 3 B', { handle: H.CREDIT, number: 5, payload: Buffer.of(0, 1, 0) }],
];

/** A value that the codec writes as an endpoint. */
class Stub {
  constructor(readonly kind: number) {}
}

const lineOf = (value: unknown, handle = 1000): string => {
  const payload = serialize(value, {
    encode: (one) => (one instanceof Stub ? [one.kind, undefined] : undefined),
    decode: () => undefined,
  });
  return describeFrame(naiveFrame({ handle, payload }));
};

/** What is shown of a value. */
const shown = (value: unknown, handle?: number): string =>
  lineOf(value, handle).replace(/^.*? B: /, '');

describe('wire/describe', () => {
  for (const [line, frame] of HEADERS) {
    it(`shows ${line}`, () => {
      expect(describeFrame(naiveFrame({ payload: Buffer.of(0), ...frame }))).to.equal(line);
    });
  }

  it('names every well-known handle, and no bound', () => {
    const { FIRST_ALLOCATED_HANDLE, THREAD_SHIFT, STRAND_SHIFT, ...names } = H;
    for (const [name, handle] of Object.entries(names)) {
      expect(describeFrame(naiveFrame({ handle })).split(/[ ,]/)[3]).to.equal(name);
    }
    for (const handle of [FIRST_ALLOCATED_HANDLE, THREAD_SHIFT, STRAND_SHIFT, 0]) {
      expect(describeFrame(naiveFrame({ handle })).split(/[ ,]/)[3]).to.equal(String(handle));
    }
  });

  it('shows values as people write them', () => {
    const error = Object.assign(new TypeError('no\nway'), { own: 1 });
    const cases: [unknown, string][] = [
      [['os', ['hostname'], [1, -1.5, true, null]], '["os",["hostname"],[1,-1.5,true,null]]'],
      [{ a: 1, 'b c': { d: [] } }, '{"a":1,"b c":{"d":[]}}'],
      [new Map([[1, new Set(['x'])]]), 'Map{1:Set["x"]}'],
      // biome-ignore lint/suspicious/noSparseArray: holes travel
      [[1, , 3], '[1,undefined,3]'],
      [[12n, -(2n ** 63n), 2n ** 63n], '[12n,-9223372036854775808n,<bigint>]'],
      [[new Date(0), new Date(Number.NaN)], '["1970-01-01T00:00:00.000Z",null]'],
      [error, 'TypeError: no\\u000away'],
      [Buffer.from('0123456789'), '<10 bytes 3031323334353637...>'],
      [[new Uint16Array([1]), new ArrayBuffer(1)], '[<2 bytes 0100>,<1 bytes 00>]'],
      [
        [new Stub(SIGNAL), new Stub(GENERATOR), new Stub(77)],
        '[<SIGNAL>,<GENERATOR>,<endpoint 77>]',
      ],
    ];
    for (const [value, text] of cases) expect(shown(value)).to.equal(text);
  });

  it('shows no secret, wherever it is', () => {
    const secret = new Secret('hunter2');
    const error = Object.assign(new Error('failed'), { message: secret, cause: secret, secret });
    for (const value of [secret, [secret], { secret }, new Map([[secret, secret]]), error]) {
      expect(lineOf(value)).not.to.include('hunter2');
    }
    expect(shown([secret])).to.equal('[[secret]]');
  });

  it("shows no arguments of Kinetin's own calls: they may be credentials", () => {
    const call = [Buffer.alloc(2), ['connect'], [{ password: 'hunter2' }]];
    expect(shown(call, H.CALL_MAIN)).to.equal('[<2 bytes 0000>,["connect"]]');
  });

  it('shows nothing of bytes that are no value', () => {
    const payload = Buffer.from('\u0007\u00ffhunter2');
    expect(describeFrame(naiveFrame({ payload }))).to.match(/ B: unreadable$/);
  });

  it('takes the message of an error for a text only where it is one', () => {
    const texts = ['E', 'm', ''].map((text) => serialize(text).subarray(1));
    const own = [Buffer.of(OBJECT, 1), serialize('message').subarray(1), serialize(['x'])];
    const payload = Buffer.concat([Buffer.of(ERROR), ...texts, ...own]);
    expect(describeFrame(naiveFrame({ payload }))).to.match(/ B: E: $/);
  });

  it('leaves nothing that a terminal would obey', () => {
    const text = shown(['\u001b[2J', '\u009b', '\u007f', '\u202e', '\r\n\t', '\u00e4\ud83d\ude00']);
    expect(text).to.match(/^[ -~]+$/);
    expect(text).to.include('"\\u001b[2J","\\u009b","\\u007f"');
  });

  it('shows the beginning of what is long, and of what contains itself', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, cycle);
    // Each level twice in the one above: 2^60 in all.
    let tower: unknown[] = [];
    for (let i = 0; i < 60; i++) tower = [tower, tower];
    const long = [
      'x'.repeat(60_000),
      new Array(20_000).fill(0),
      Object.fromEntries(new Array(2000).fill(0).map((_, i) => [`key${i}`, i])),
      new Map(new Array(2000).fill(0).map((_, i) => [i, i])),
      new Error('x'.repeat(60_000)),
      cycle,
      tower,
      '\u0000'.repeat(60_000),
    ];
    for (const value of long) {
      expect(shown(value)).to.match(/\.\.\.$/);
      expect(shown(value)).to.have.lengthOf(103);
    }
  });

  it('shows 100 characters of a value, and no more', () => {
    expect(shown('x'.repeat(98))).to.equal(`"${'x'.repeat(98)}"`);
    expect(shown('x'.repeat(99))).to.equal(`"${'x'.repeat(99)}...`);
  });

  it('never throws, whatever the bytes are (5,000 frames)', () => {
    for (let seed = 1; seed <= 5_000; seed++) {
      const random = new Random(seed);
      const payload = random.chance(0.5)
        ? random.bytes(random.below(100))
        : serialize([randomValue(random, 2), Object.assign(new Error('a'), { name: 1, b: [] })]);
      for (let left = random.below(4); left > 0 && payload.length > 0; left--) {
        payload[random.below(payload.length)] = random.below(256);
      }
      const frame = Buffer.concat([random.bytes(32), payload]);
      // A well-known handle, and no number, where chance would never hit them.
      if (random.chance(0.8)) frame.writeUInt32BE(100 + random.below(12), 20);
      if (random.chance(0.8)) frame.writeUInt32BE(0, 28);
      const cut = random.chance(0.1) ? frame.subarray(0, random.below(40)) : frame;
      expect(describeFrame(cut), `seed ${seed}`).to.match(/^[ -~]{1,260}$/);
    }
  });
});
