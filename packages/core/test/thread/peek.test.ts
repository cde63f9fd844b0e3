import { expect } from 'chai';
import { Random } from '../../../../test/support/random.js';
import { firstOf } from '../../src/thread/peek.js';
import { HEADER_BYTES } from '../../src/wire/frame.js';
import { serialize } from '../../src/wire/serialize.js';

const peek = (value: unknown) => firstOf(serialize(value, undefined, HEADER_BYTES));

describe('thread/peek', () => {
  it('finds the text that a list begins with', () => {
    for (const text of ['', 'a', 'greeter', 'x'.repeat(100), '\u20ac'.repeat(100)]) {
      expect(peek([text, 'method', [], undefined])).to.equal(text);
    }
  });

  it('finds the handle that a list begins with, of any thread', () => {
    for (const handle of [1000, 1048575, 1048576 + 1000, 0x7fffffff, 0x80000000, 0xfff003e8]) {
      expect(peek([handle, new Error('reason'), true])).to.equal(handle);
      expect(peek([handle, undefined, true])).to.equal(handle);
    }
  });

  it('finds nothing in other values, and in texts that are too long', () => {
    for (const value of [{ a: 1 }, 'text', [], [null, 1, 2, 3, 4, 5, 6], ['x'.repeat(401)]]) {
      expect(peek(value)).to.equal(undefined);
    }
  });

  it('never throws, whatever the bytes are', () => {
    const list = serialize(['greeter', 'method', []], undefined, HEADER_BYTES);
    for (let end = 0; end < list.length; end++) firstOf(list.subarray(0, end));
    const random = new Random(23);
    for (let round = 0; round < 2000; round++) {
      const frame = Buffer.from(list);
      for (let i = HEADER_BYTES; i < frame.length; i++) {
        if (random.chance(0.3)) frame[i] = random.below(256);
      }
      const first = firstOf(frame);
      expect(['undefined', 'string', 'number']).to.include(typeof first);
    }
    const endless = Buffer.alloc(HEADER_BYTES + 4000, 255);
    endless.set([8, 3, 7], HEADER_BYTES);
    expect(firstOf(endless)).to.equal(undefined);
  });
});
