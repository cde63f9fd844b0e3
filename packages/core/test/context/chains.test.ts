import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { END, NEXT, START } from '../../src/calls/chain-run.js';
import { installChains } from '../../src/context/chains.js';
import { Router } from '../../src/routing/router.js';
import { Loader } from '../../src/runtime/loader.js';
import { Dispatcher } from '../../src/thread/dispatcher.js';
import type { Workplace } from '../../src/thread/workplace.js';
import { HEADER_BYTES } from '../../src/wire/frame.js';
import { CALL } from '../../src/wire/handles.js';

const MODULE = 'exports.note = (name) => { notes.push(name); };';

describe('context/chains', () => {
  const state = globalThis as { notes?: string[]; require?: NodeJS.Require };
  const hash = Buffer.alloc(32, 10);
  let router: Router;
  let dispatcher: Dispatcher;
  let errors: unknown[];
  let notes: string[];

  beforeEach(async () => {
    // The pushed core is evaluated with a `require`, which modules lack.
    state.require = createRequire(import.meta.url);
    notes = [];
    state.notes = notes;
    errors = [];
    router = new Router({ id: 5, parentIds: [1, 0] });
    const loader = new Loader(() => Promise.resolve(MODULE), {});
    dispatcher = new Dispatcher({ router, loader, log: () => {} });
    dispatcher.onDone = (_, error) => {
      if (error) errors.push((error as { code?: string }).code);
    };
    dispatcher.abort = () => {};
    installChains({ router, dispatcher } as unknown as Workplace);
    await loader.load(hash.toString('hex'));
  });

  afterEach(() => {
    delete state.notes;
    delete state.require;
  });

  let lastHandle = 1000;
  const call = async (source: number, chain: number, place: number, name: string) => {
    const payload = router.encode([hash, ['note'], [name], [chain, place]]).subarray(HEADER_BYTES);
    const header = { source, replyHandle: ++lastHandle, handle: CALL, destination: 5 };
    dispatcher.onMessage({ ...header, authority: source, flags: 0, number: 0, payload });
    await nextTurn();
  };

  it('knows a chain by its caller and its number', async () => {
    await call(1, 7, START, 'a');
    await call(1, 7, NEXT, 'b');
    await call(0, 7, NEXT, 'of another caller');
    await call(1, 8, NEXT, 'of another chain');
    expect([notes, errors]).to.deep.equal([
      ['a', 'b'],
      ['ERR_CHAIN_LOST', 'ERR_CHAIN_LOST'],
    ]);
  });

  it('forgets one that has ended', async () => {
    await call(1, 7, START, 'a');
    await call(1, 7, END, 'end');
    await call(1, 7, NEXT, 'after');
    expect([notes, errors]).to.deep.equal([['a', 'end'], ['ERR_CHAIN_LOST']]);
  });

  it('forgets those of a caller that is lost', async () => {
    for (const source of [1, 11]) await call(source, 7, START, 'a');
    router.onContextLost(1, 'killed');
    for (const source of [1, 11]) await call(source, 7, NEXT, `of ${source}`);
    expect([notes, errors]).to.deep.equal([['a', 'a', 'of 11'], ['ERR_CHAIN_LOST']]);
  });

  it('forgets those of a caller of which a call cannot be read: it may have been one of them', async () => {
    for (const source of [1, 11]) await call(source, 7, START, 'a');
    const header = { source: 1, replyHandle: ++lastHandle, handle: CALL, destination: 5 };
    const payload = Buffer.from([255]);
    dispatcher.onMessage({ ...header, authority: 1, flags: 0, number: 0, payload });
    for (const source of [1, 11]) await call(source, 7, NEXT, `of ${source}`);
    expect(notes).to.deep.equal(['a', 'a', 'of 11']);
    expect(errors).to.deep.equal(['ERR_BAD_PAYLOAD', 'ERR_CHAIN_LOST']);
  });

  it('remembers a thousand, those that were used last', async () => {
    await call(1, 1, START, 'first');
    await call(1, 2, START, 'second');
    for (let chain = 3; chain <= 1000; chain++) await call(1, chain, START, 'one');
    await call(1, 1, NEXT, 'first again');
    await call(1, 1001, START, 'too many');
    await call(1, 1, NEXT, 'first is there');
    expect(errors).to.deep.equal([]);
    await call(1, 2, NEXT, 'second is there');
    expect(errors).to.deep.equal(['ERR_CHAIN_LOST']);
    expect(notes.slice(-3)).to.deep.equal(['first again', 'too many', 'first is there']);
  });
});
