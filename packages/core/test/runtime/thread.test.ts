import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Router } from '../../src/routing/router.js';
import { WorkThread, type WorkThreadOptions } from '../../src/runtime/thread.js';

describe('runtime/thread', () => {
  it('counts its threads from 1 to 4095, and then from 1 again', () => {
    const never = () => new Promise<never>(() => {});
    const thread = new WorkThread({
      router: new Router({ id: 1, parentIds: [0] }),
      config: { threadModule: Buffer.alloc(32) },
      log: () => {},
      loader: { load: never, loaded: () => undefined },
      getText: never,
      startWorker: () => new EventEmitter() as Worker,
    } as unknown as WorkThreadOptions);
    const numbers: number[] = [];
    for (let i = 0; i < 4097; i++) {
      const seat = thread.start();
      numbers.push(thread.number);
      thread.ended(seat, 'that is enough');
    }
    expect(numbers).to.deep.equal([...Array.from({ length: 4095 }, (_, i) => i + 1), 1, 2]);
  });
});
