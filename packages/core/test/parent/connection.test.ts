import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import type { Pipe } from '../../src/parent/attempt.js';
import { type ConnectRequest, connectChild, type ParentHost } from '../../src/parent/connection.js';
import { Broker } from '../../src/routing/broker.js';
import { Router } from '../../src/routing/router.js';

const REQUEST: ConnectRequest = {
  id: 1,
  target: {},
  config: {
    parentIds: [0],
    name: 'child',
    logLevel: 0,
    maxMessageBytes: 1e6,
    workThread: 'none',
    silenceMs: 0,
    threadModule: new Uint8Array(32),
  },
  title: 'kinetin',
  runtime: 'never',
  timeoutMs: 10_000,
  stageTimeoutsMs: {},
  keepalive: { intervalMs: 0, countMax: 0 },
};

/** Stands for a process: notes how often it was ended. */
function makePipe() {
  const end = new PassThrough();
  let destroyed = 0;
  const pipe: Pipe = {
    input: end,
    output: end,
    diagnostics: [],
    exit: new Promise(() => {}),
    destroy: () => {
      destroyed++;
      end.destroy();
    },
  };
  return { pipe, destroyed: () => destroyed };
}

function start(opening: Promise<Pipe>) {
  const router = new Router({ id: 0, parentIds: [] });
  const host: ParentHost = {
    router,
    broker: new Broker(router),
    log: () => {},
    pushedCore: Buffer.alloc(10),
    vendor: () => Promise.reject(new Error('not needed')),
    runtime: () => Promise.reject(new Error('not needed')),
  };
  return connectChild(
    host,
    (_, attempt) => {
      attempt.enter('shell');
      return opening;
    },
    REQUEST,
  );
}

describe('parent/connection', () => {
  describe('an attempt that is given up ends the process that it has started', () => {
    const reason = new DOMException('given up', 'AbortError');
    const turns = async (count: number) => {
      for (let left = count; left > 0; left--) await undefined;
    };
    // Where the two meet depends on how many turns each takes on its way.
    for (const between of [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 50]) {
      it(`that is there ${between} microtasks after that`, async () => {
        const { pipe, destroyed } = makePipe();
        let open: (pipe: Pipe) => void = () => {};
        const opening = new Promise<Pipe>((resolve) => {
          open = resolve;
        });
        const { done, cancel } = start(opening);
        const failed = failure(done);
        if (between < 0) {
          open(pipe);
          await turns(-between);
          cancel(reason);
        } else {
          cancel(reason);
          await turns(between);
          open(pipe);
        }
        expect(await failed).to.equal(reason);
        await turns(20);
        expect(destroyed()).to.be.at.least(1);
      });
    }
  });
});
