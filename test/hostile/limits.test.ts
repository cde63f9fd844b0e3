/** Limits that a call can hit, at their edge: what fits passes, one more fails alone, and all goes on. */

import { hostname } from 'node:os';
import { CallError, type Context, Router } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

const MAX = 300_000;
const MAX_DEPTH = 500;

const lengthOf = (bytes: Buffer): number => bytes.length;
const make = (length: number): Buffer => Buffer.alloc(length, 1);

type Nest = Nest[];

/** Arrays in arrays. */
function nest(depth: number): Nest {
  let value: Nest = [];
  for (let i = 1; i < depth; i++) value = [value];
  return value;
}

/** The largest number up to `high` for which `fits`; the rest must not. */
async function edgeOf(high: number, fits: (n: number) => Promise<boolean>): Promise<number> {
  let [low, above] = [0, high];
  while (above - low > 1) {
    const middle = (low + above) >> 1;
    if (await fits(middle)) low = middle;
    else above = middle;
  }
  return low;
}

describe('hostile/limits', () => {
  let router: Router;
  /** A child, and one behind it. */
  let contexts: Context[];
  before(async () => {
    router = new Router({ maxMessageBytes: MAX });
    const hop = await router.local();
    contexts = [hop, await router.local({ via: hop })];
  });
  after(() => router.shutdown());

  /** True where a call works; false where it fails by `code`. Whatever it was, the next one works. */
  async function works(context: Context, code: string, call: Promise<unknown>): Promise<boolean> {
    const error = await call.then(
      () => undefined,
      (reason) => reason,
    );
    if (error) expect(error).to.have.property('code', code);
    expect(await context.call(hostname)).to.equal(hostname());
    return error === undefined;
  }

  for (const [title, index] of [
    ['in a child', 0],
    ['through a hop', 1],
  ] as const) {
    it(`maxMessageBytes holds for arguments ${title}, to the byte`, async () => {
      const context = contexts[index]!;
      const edge = await edgeOf(2 * MAX, (length) =>
        works(context, 'ERR_MESSAGE_TOO_LARGE', context.call(lengthOf, make(length))),
      );
      // The rest of the message: the name of the function, and how the values are marked.
      expect(edge).to.be.within(MAX - 200, MAX - 1);
      const error = await failure(context.call(lengthOf, make(edge + 1)));
      expect(error.message).to.contain(`${MAX + 1} bytes`);
    });

    it(`maxMessageBytes holds for results ${title}, to the byte`, async () => {
      const context = contexts[index]!;
      const edge = await edgeOf(2 * MAX, (length) =>
        works(context, 'ERR_MESSAGE_TOO_LARGE', context.call(make, length)),
      );
      expect(edge).to.be.within(MAX - 20, MAX - 1);
      const error = await failure(context.call(make, edge + 1));
      expect(error).to.be.instanceOf(CallError);
      expect(error.message).to.contain(`${MAX + 1} bytes`);
    });
  }

  it('the depth of values is bounded, for arguments and for results', async () => {
    const context = contexts[1]!;
    const depthOf = (value: Nest): number => {
      let depth = 1;
      for (let inner = value; inner.length; inner = inner[0] as Nest) depth++;
      return depth;
    };
    const edge = await edgeOf(2 * MAX_DEPTH, (depth) =>
      works(context, 'ERR_NOT_SERIALIZABLE', context.call(depthOf, nest(depth))),
    );
    // In the payload of a call, and in the list of its arguments.
    expect(edge).to.equal(MAX_DEPTH - 2);
    const result = await edgeOf(2 * MAX_DEPTH, (depth) =>
      works(context, 'ERR_NOT_SERIALIZABLE', context.call(nest, depth)),
    );
    expect(result).to.equal(MAX_DEPTH);
  });

  it('no limit has cost anybody the connection', async () => {
    const [hop] = (await router.tree()).children;
    expect(hop!.children).to.have.lengthOf(1);
    for (const context of contexts) expect(await context.call(hostname)).to.equal(hostname());
  });
});
