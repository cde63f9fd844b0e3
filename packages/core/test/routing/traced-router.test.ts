import { expect } from 'chai';
import { makePair, settle, type TestEnd } from '../../../../test/support/stream-pair.js';
import { Router } from '../../src/routing/router.js';
import type { Stream } from '../../src/routing/stream.js';
import { TracedRouter } from '../../src/routing/traced-router.js';
import { describeFrame } from '../../src/wire/describe.js';
import { LOG } from '../../src/wire/handles.js';
import { MAX_PENDING_BYTES } from '../../src/wire/limits.js';

const [MASTER, CHILD] = [0, 1];
const HANDLE = 5000;

describe('routing/traced-router', () => {
  let master: TracedRouter;
  let child: Router;
  let down: Stream;
  let ends: [TestEnd, TestEnd];
  let trace: string[];

  beforeEach(() => {
    trace = [];
    master = new TracedRouter({ id: MASTER, parentIds: [] });
    child = new Router({ id: CHILD, parentIds: [MASTER] });
    master.onTrace = (direction, { side, peer }, frame) =>
      trace.push(`${direction} ${side} ${peer}: ${describeFrame(frame)}`);
    down = master.addStream('child', CHILD);
    ends = makePair();
  });

  function connect(): void {
    down.attach(ends[0]);
    down.open();
    const up = child.addStream('parent', MASTER);
    up.attach(ends[1]);
    up.open();
  }

  const serve = (router: Router) =>
    router.listen({ onMessage: (one) => router.reply(one, router.encode('b')) }, HANDLE);

  it('shows what goes out and what comes in, in order, and does all that a router does', async () => {
    connect();
    serve(child);
    expect(await master.request(CHILD, HANDLE, master.encode('a'))).to.equal('b');
    expect(trace).to.deep.equal([
      'to child 1: 0 -> 1 5000 reply 1000, 3 B: "a"',
      'from child 1: 1 -> 0 1000, 3 B: "b"',
    ]);
  });

  it('shows each frame of a large message', async () => {
    connect();
    child.post(MASTER, HANDLE, Buffer.alloc(100_000));
    await settle();
    expect(trace.map((line) => line.replace(/^.*5000/, ''))).to.deep.equal([
      ' #1 more, 65504 B',
      ' #1, 34500 B',
    ]);
  });

  it('shows what waits for a connection when it is written, and not what is refused', () => {
    master.post(CHILD, HANDLE, 'early');
    for (let bytes = 0; bytes <= MAX_PENDING_BYTES; bytes += 60_000) {
      down.write(Buffer.alloc(60_000));
    }
    expect(trace[0]).to.match(/"early"$/);
    expect(trace).to.have.lengthOf(1 + Math.floor(MAX_PENDING_BYTES / 60_000));
    down.close('enough');
    down.write(Buffer.alloc(32));
    expect(trace.some((line) => line.endsWith('-> 0 0, 0 B: unreadable'))).to.equal(false);
  });

  it('shows a frame as it came, also where it is dropped then', async () => {
    connect();
    const forged = new Router({ id: 7, parentIds: [MASTER] });
    forged.addStream('parent', MASTER).attach(ends[1]);
    forged.post(MASTER, HANDLE, 'forged');
    await settle();
    expect(trace).to.deep.equal(['from child 1: 7 -> 0 5000, 8 B: "forged"']);
  });

  it('shows no log records, in either direction, so that it can be one', async () => {
    connect();
    const records: unknown[] = [];
    child.listen({ onMessage: (message) => records.push(child.decode(message)) }, LOG);
    const { onTrace } = master;
    master.onTrace = (...all) => {
      onTrace(...all);
      master.post(CHILD, LOG, trace.length);
    };
    child.post(MASTER, LOG, 'a record');
    child.post(MASTER, HANDLE, 'no record');
    await settle();
    expect(trace).to.deep.equal(['from child 1: 1 -> 0 5000, 11 B: "no record"']);
    expect(records).to.deep.equal([1]);
  });
});
