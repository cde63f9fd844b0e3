/** Values on their way to a context and back, and the ways in which results come. */

import { inspect } from 'node:util';
import { CallError, type Context, Router, Secret, Select } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { Random, randomValue } from '../support/random.js';
import { isSame } from '../support/same.js';

/** What comes back of any value, as far as types can tell. */
const echo = (value: unknown) => value as never;

const quiet = { onLog: () => {} };

describe('values that travel to a context and back', () => {
  const router = new Router(quiet);
  let context: Context;
  before(async () => {
    context = await router.local({ via: router.local() });
  });
  after(() => router.shutdown());

  it('are what structuredClone makes of them (1,000 random values)', async () => {
    const batch = 50;
    for (let seed = 1; seed <= 1000; seed += batch) {
      const values = Array.from({ length: batch }, (_, i) => randomValue(new Random(seed + i)));
      const got = await Promise.all(values.map((value) => context.call(echo, value)));
      for (const [i, value] of values.entries()) {
        expect(isSame(structuredClone(value), got[i]), `seed ${seed + i}`).to.equal(true);
      }
    }
  });

  it('keep identities and cycles among all arguments of a call', async () => {
    const shared: Record<string, unknown> = { name: 'shared' };
    shared.self = shared;
    const same = await context.call(
      (one: unknown, two: unknown, three: { self: unknown }) =>
        one === two && three === one && three.self === one,
      shared,
      shared,
      shared as { self: unknown },
    );
    expect(same).to.equal(true);
    const [a, b] = await context.call((): [object, object] => {
      const one = { list: [] as unknown[] };
      one.list.push(one);
      return [one, one];
    });
    expect(a).to.equal(b);
    expect((a as { list: unknown[] }).list[0]).to.equal(a);
  });

  it('are Buffers where they were, with memory of their own', async () => {
    const pooled = Buffer.from('abc');
    const got: Buffer = await context.call((value: Buffer) => value, pooled);
    expect(Buffer.isBuffer(got)).to.equal(true);
    expect(got.toString()).to.equal('abc');
    expect(await context.call((value: Buffer) => Buffer.isBuffer(value), pooled)).to.equal(true);
  });

  it('are errors with code, cause and own properties, which structuredClone drops', async () => {
    const error = Object.assign(new TypeError('outer', { cause: new RangeError('inner') }), {
      code: 'E_OUTER',
      details: { at: [1, 2] },
    });
    const seen = await context.call(
      (one: typeof error) => [
        one instanceof TypeError,
        one.message,
        one.code,
        one.details.at[1] as number,
        one.cause instanceof RangeError,
      ],
      error,
    );
    expect(seen).to.deep.equal([true, 'outer', 'E_OUTER', 2, true]);
    const got: typeof error = await context.call(echo, error);
    expect(got).to.be.instanceOf(TypeError);
    expect(got).to.include({ message: 'outer', code: 'E_OUTER', stack: error.stack });
    expect(got.details).to.deep.equal({ at: [1, 2] });
    expect(got.cause).to.be.instanceOf(RangeError);
  });

  it('are secrets that can be read there, and are not printed', async () => {
    const secret = new Secret('hunter2');
    const [revealed, ...shown] = await context.call(
      (one: Secret) => [one.reveal(), String(one), JSON.stringify({ one }), `${[one]}`],
      secret,
    );
    expect(revealed).to.equal('hunter2');
    expect(shown).to.deep.equal(['[secret]', '{"one":"[secret]"}', '[secret]']);
    const got: Secret = await context.call(echo, secret);
    expect(got).to.be.instanceOf(Secret);
    expect(got.reveal()).to.equal('hunter2');
    expect(inspect({ got })).to.not.include('hunter2');
  });
});

describe('callAsync', () => {
  const router = new Router(quiet);
  let context: Context;
  before(async () => {
    context = await router.local({ name: 'there' });
  });
  after(() => router.shutdown());

  it('gives a receiver with one message: the result, and whose it is', async () => {
    const receiver = context.callAsync((a: number, b: number) => a + b, 20, 22);
    const select = new Select([receiver]);
    expect((await select.get()).message).to.include({ context, value: 42 });
    expect(await failure(receiver.get())).to.include({ code: 'ERR_ENDED' });
  });

  it('gives what the function throws to whoever reads it', async () => {
    const error = await failure(
      context
        .callAsync(() => {
          throw Object.assign(new RangeError('too far'), { code: 'E_FAR' });
        })
        .get(),
    );
    expect(error).to.be.instanceOf(CallError);
    expect(error).to.include({ remoteName: 'RangeError', code: 'E_FAR', context: 'there' });
  });

  it('returns at once, and lets many calls be under way', async () => {
    const receivers = Array.from({ length: 100 }, (_, i) =>
      context.callAsync((value: number) => value * 2, i),
    );
    const values = await Promise.all(receivers.map((receiver) => receiver.get()));
    expect(values).to.deep.equal(receivers.map((_, i) => i * 2));
  });
});
