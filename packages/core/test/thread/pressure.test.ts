import { expect } from 'chai';
import type { Stream } from '../../src/routing/stream.js';
import { flushWithin } from '../../src/thread/pressure.js';

describe('thread/pressure', () => {
  const { wait } = Atomics;
  /** Milliseconds of the waits. */
  let waits: unknown[];
  beforeEach(() => {
    waits = [];
    Atomics.wait = ((_room: Int32Array, _index: number, _value: number, ms: number) => {
      waits.push(ms);
      return 'timed-out';
    }) as never;
  });
  afterEach(() => {
    Atomics.wait = wait;
  });

  it('lets 1 MiB leave before a thread waits, half a minute at most, and then as much again', () => {
    let flushes = 0;
    const upstream = { bytesSent: 0, flush: () => void flushes++ };
    const flush = flushWithin(upstream as unknown as Stream);
    const MIB = 2 ** 20;
    const waited = [MIB - 1, MIB, 2 * MIB - 1, 2 * MIB, 2 * MIB + 5].map((bytes) => {
      upstream.bytesSent = bytes;
      flush();
      return waits.length;
    });
    expect(waited).to.deep.equal([0, 1, 1, 2, 2]);
    expect(waits).to.deep.equal([30_000, 30_000]);
    expect(flushes).to.equal(5);
  });
});
