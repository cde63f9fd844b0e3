import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { stateOf } from '../../../../test/support/router-state.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { portTransport } from '../../src/runtime/port.js';
import { followMessages } from '../../src/thread/unfinished.js';
import { FLAG_FIRST, FLAG_MORE } from '../../src/wire/flags.js';
import { encodeFrame, setPart } from '../../src/wire/frame.js';
import { CREDIT } from '../../src/wire/handles.js';

const [MASTER, A] = [0, 1];
const HANDLE = 5000;

describe('thread/unfinished', () => {
  let tree: TestTree;
  let worker: EventEmitter & { postMessage(): void };
  let received: number[];
  let end: () => void;

  beforeEach(async () => {
    tree = await TestTree.grow([A, MASTER]);
    received = [];
    const onMessage = ({ payload }: { payload: Buffer }) => received.push(payload.length);
    tree.router(MASTER).listen({ onMessage }, HANDLE);
    worker = Object.assign(new EventEmitter(), { postMessage() {} });
    end = followMessages(worker as unknown as Worker, tree.router(A));
    const thread = tree.router(A).addStream('thread', A);
    thread.attach(portTransport(worker));
    thread.open();
  });

  function frame(number: number, part: number, flags: number, handle = HANDLE): Buffer {
    const rest = { destination: MASTER, source: A, authority: A, replyHandle: 0 };
    const isFirst = part === 0 && number > 0 && handle !== CREDIT;
    const first = isFirst ? FLAG_FIRST : 0;
    const bytes = encodeFrame({ ...rest, flags: flags | first, handle, number }, Buffer.alloc(4));
    setPart(bytes, isFirst ? 65_535 : part);
    return bytes;
  }

  async function send(...frames: Buffer[]): Promise<void> {
    worker.emit('message', new Uint8Array(Buffer.concat(frames)));
    await settle();
  }

  for (const parts of [1, 2, 3, 65_535, 65_536, 65_537]) {
    it(`makes the receiver drop a message of which ${parts} frames have come`, async () => {
      await send(...Array.from({ length: parts }, (_, part) => frame(1, part, FLAG_MORE)));
      expect(stateOf(tree.router(MASTER)).unfinished).to.equal(1);
      end();
      await settle();
      expect(stateOf(tree.router(MASTER)).unfinished).to.equal(0);
      expect(received).to.deep.equal([]);
      expect(stateOf(tree.router(A)).streams, 'upstream, and the thread of the test').to.equal(2);
    });
  }

  it('knows whole messages and credit from messages that are unfinished', async () => {
    await send(frame(1, 0, FLAG_MORE), frame(2, 0, FLAG_MORE), frame(0, 0, 0), frame(1, 1, 0));
    // Of a message of the master's.
    await send(frame(2, 0, 0, CREDIT));
    expect(received).to.deep.equal([4, 8]);
    end();
    await settle();
    expect(stateOf(tree.router(MASTER)).unfinished).to.equal(0);
    expect(tree.get(MASTER).complaints).to.deep.equal([
      `refused a message of ${A}: a part is missing`,
    ]);
  });

  it('takes what user code posts to the main thread for nothing', async () => {
    worker.removeAllListeners('message');
    end = followMessages(worker as unknown as Worker, tree.router(A));
    worker.emit('message', { key: 1 });
    await send(Buffer.alloc(5));
    end();
    expect(stateOf(tree.router(A)).streams).to.equal(2);
  });
});
