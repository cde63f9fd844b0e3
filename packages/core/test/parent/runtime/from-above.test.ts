import { expect } from 'chai';
import { failure } from '../../../../../test/support/failure.js';
import { settle } from '../../../../../test/support/stream-pair.js';
import {
  offerRuntime,
  refuseRuntime,
  runtimesFromAbove,
  takePiece,
} from '../../../src/parent/runtime/from-above.js';
import type { RemoteContents, RuntimeFile } from '../../../src/parent/runtime/runtime.js';
import { routerTo } from './stub-host.js';

describe('parent/runtime/from-above', () => {
  /** In whose names the master was asked. */
  let asked: number[];
  beforeEach(() => {
    asked = [];
  });

  /** An attempt that asks; `end` ends it. */
  function attempt(id: number, onEnd?: (end: () => void) => void, onProgress = () => {}) {
    const router = routerTo(
      async (_to, _handle, words: unknown[]) => void asked.push(words[0] as number),
    );
    let end = () => {};
    const keep = (callback: () => void) => {
      end = callback;
    };
    const waiter = { onProgress, onEnd: onEnd ?? keep };
    const runtime = runtimesFromAbove(router, id)('linux', 'arm64', waiter);
    runtime.catch(() => {});
    return { runtime, end: () => end() };
  }

  const wanted = (id: number) => takePiece(id, 'node', 0, Buffer.alloc(1), 0, true);

  it('asks nobody for an attempt that is over, and keeps nothing of it', async () => {
    const { runtime } = attempt(7, (end) => end());
    expect((await failure(runtime)).message).to.equal('the attempt is over');
    expect(asked).to.deep.equal([]);
    const next = attempt(8);
    expect(asked).to.deep.equal([8]);
    next.end();
    expect([wanted(7), wanted(8)]).to.deep.equal([false, false]);
  });

  it('ends the wait of an attempt that is over, and asks in the name of the next', async () => {
    const [one, two, three] = [attempt(7), attempt(8), attempt(9)];
    for (const over of [two, one]) {
      over.end();
      expect((await failure(over.runtime)).message).to.equal('the attempt is over');
    }
    expect(asked).to.deep.equal([7, 9]);
    // For the first, and too late.
    refuseRuntime(7, 'no');
    offerRuntime(9, 'a stub', [['node', 1, 'f'.repeat(64)]]);
    expect(await three.runtime).to.include({ description: 'a stub' });
    expect([wanted(7), wanted(9)]).to.deep.equal([false, true]);
    three.end();
    expect(wanted(9)).to.equal(false);
  });

  it('puts pieces together of parts, each of which is progress, also after another asks in the middle', async () => {
    let moves = 0;
    const [one, two] = [attempt(7), attempt(8, undefined, () => void moves++)];
    offerRuntime(7, 'a stub', [['node', 10, 'f'.repeat(64)]]);
    const [file] = (await two.runtime).files as [RuntimeFile];
    const piece = (file.from as RemoteContents).piece(0);
    const take = (id: number, part: string, from: number) =>
      takePiece(id, 'node', 0, Buffer.from(part), from, part.endsWith('.'));
    take(7, 'lost', 0);
    one.end();
    expect(take(7, 'too late.', 4)).to.equal(false);
    for (const [at, part] of ['three ', 'parts ', 'of it.'].entries()) take(8, part, at * 6);
    expect(String(await piece)).to.equal('three parts of it.');
    expect(moves).to.equal(4);
    two.end();
  });

  it('fails what waits for a piece when no more will come, and lets later attempts ask anew', async () => {
    const one = attempt(7);
    offerRuntime(7, 'a stub', [['node', 10_000_000, 'f'.repeat(64)]]);
    const [file] = (await one.runtime).files as [RuntimeFile];
    const piece = failure((file.from as RemoteContents).piece(4_194_304));
    refuseRuntime(7, 'the registry is down');
    expect((await piece).message).to.equal('the registry is down');
    const two = attempt(8);
    one.end();
    await settle();
    expect(asked).to.deep.equal([7, 8]);
    offerRuntime(8, 'another stub', []);
    expect(await two.runtime).to.include({ description: 'another stub' });
    two.end();
  });
});
