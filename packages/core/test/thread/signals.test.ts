import { createRequire } from 'node:module';
import { expect } from 'chai';
import { Router } from '../../src/routing/router.js';
import { Loader } from '../../src/runtime/loader.js';
import { Dispatcher } from '../../src/thread/dispatcher.js';
import { installSignals } from '../../src/thread/signals.js';
import { Endpoints, SIGNAL } from '../../src/wire/endpoints.js';
import { HEADER_BYTES } from '../../src/wire/frame.js';
import { CALL, CANCEL } from '../../src/wire/handles.js';

/** Stands for a signal among the arguments. */
class Signal {}

/** Notes what its signal says; never ends. */
const MODULE = `
exports.listen = (name, signal) => {
  notes.push(name + ' starts' + (signal.aborted ? ', aborted' : ''));
  signal.addEventListener('abort', () => notes.push(name + ' aborted: ' + signal.reason.code));
  return new Promise(() => {});
};
exports.note = (name) => { notes.push(name); };
`;

describe('thread/signals', () => {
  const state = globalThis as { notes?: string[]; require?: NodeJS.Require };
  const hash = Buffer.alloc(32, 10);
  let router: Router;
  let dispatcher: Dispatcher;
  let notes: string[];

  beforeEach(async () => {
    // The pushed core is evaluated with a `require`, which modules lack.
    state.require = createRequire(import.meta.url);
    notes = [];
    state.notes = notes;
    const endpoints = new Endpoints();
    endpoints.travels(Signal, SIGNAL, () => undefined);
    router = new Router({ id: 5, parentIds: [1, 0], codec: endpoints });
    const loader = new Loader(() => Promise.resolve(MODULE), {});
    dispatcher = new Dispatcher({ router, loader, log: () => {} });
    installSignals(router, dispatcher, endpoints);
    await loader.load(hash.toString('hex'));
  });

  afterEach(() => {
    delete state.notes;
    delete state.require;
  });

  const messageOf = (source: number, replyHandle: number, handle: number, value: unknown) => ({
    ...{ source, replyHandle, handle, destination: 5, authority: source, flags: 0, number: 0 },
    payload: router.encode(value).subarray(HEADER_BYTES),
  });
  const call = (source: number, replyHandle: number, name: string, ...args: unknown[]) =>
    dispatcher.onMessage(messageOf(source, replyHandle, CALL, [hash, [name], args]));
  /** As in the main thread, where the caller itself says it. */
  const cancel = (source: number, ...payload: unknown[]) =>
    dispatcher.onCancel(messageOf(source, 0, CANCEL, payload));
  const reason = Object.assign(new Error('reason'), { code: 'given up' });

  it('aborts what a context has called that is lost, and nothing else', () => {
    call(1, 1001, 'listen', 'a', new Signal());
    call(1, 1002, 'listen', 'b', new Signal());
    call(0, 1001, 'listen', 'c', new Signal());
    call(11, 1001, 'listen', 'd', new Signal());
    router.onContextLost(1, 'killed');
    expect(notes.slice(4)).to.deep.equal([
      'a aborted: ERR_CONTEXT_LOST',
      'b aborted: ERR_CONTEXT_LOST',
    ]);
  });

  it('aborts all calls of a source at once', () => {
    call(1, 1001, 'listen', 'a', new Signal());
    call(0, 1001, 'listen', 'b', new Signal());
    cancel(1, 0, reason);
    expect(notes.slice(2)).to.deep.equal(['a aborted: given up']);
  });

  it('aborts all calls of one thread of a source, and forgets what it has given up', () => {
    const [one, two] = [1 << 20, 2 << 20];
    call(1, one + 1001, 'listen', 'a', new Signal());
    call(1, two + 1001, 'listen', 'b', new Signal());
    call(1, 1001, 'listen', 'c', new Signal());
    for (const thread of [one, two]) cancel(1, thread + 1002, reason, 1000);
    cancel(1, two, reason);
    for (const thread of [one, two]) call(1, thread + 1002, 'note', `${thread >>> 20}`);
    expect(notes.slice(3)).to.deep.equal(['b aborted: given up', '2']);
  });

  it('keeps what is given up of one thread when another of its source calls', () => {
    cancel(1, (1 << 20) + 1002, reason, 1000);
    call(1, (2 << 20) + 1005, 'note', 'of another thread');
    call(1, (1 << 20) + 1002, 'note', 'given up');
    expect(notes).to.deep.equal(['of another thread']);
  });

  it('does not start what was given up before it came', () => {
    cancel(1, 1002, reason, 1000);
    call(1, 1001, 'note', 'before');
    call(1, 1002, 'note', 'given up');
    call(0, 1002, 'note', 'of another');
    call(1, 1003, 'note', 'after');
    expect(notes).to.deep.equal(['before', 'of another', 'after']);
  });

  it('starts what is only told, with a signal that is aborted', () => {
    cancel(1, 1002, reason, undefined);
    call(1, 1002, 'listen', 'a', new Signal());
    expect(notes).to.deep.equal(['a starts, aborted']);
  });

  it('forgets a cancellation of what is over, before its handle is used again', () => {
    call(1, 1002, 'note', 'over');
    cancel(1, 1002, reason, 1000);
    call(1, 1003, 'note', 'next');
    call(1, 1002, 'note', 'same handle');
    expect(notes).to.deep.equal(['over', 'next', 'same handle']);
  });

  it('knows what comes later where handles begin anew', () => {
    const [last, first] = [(1 << 20) - 1, 1000];
    cancel(1, first, reason, 1000);
    call(1, last, 'note', 'the last handle');
    call(1, first, 'note', 'given up');
    cancel(1, last, reason, 1000);
    call(1, first + 1, 'note', 'next');
    call(1, last, 'note', 'the last handle again');
    expect(notes).to.deep.equal(['the last handle', 'next', 'the last handle again']);
  });
});
