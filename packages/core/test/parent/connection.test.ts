import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import type { Pipe } from '../../src/parent/attempt.js';
import { type ConnectRequest, connectChild, type ParentHost } from '../../src/parent/connection.js';
import type { Push } from '../../src/parent/runtime/push.js';
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

const CORE = Buffer.from('the pushed core');

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

/** A host that is played by the test: `says` is what comes from it, `got` what it was sent. */
function makeHost() {
  const output = new PassThrough();
  const input = new PassThrough();
  const chunks: Buffer[] = [];
  input.on('data', (chunk) => chunks.push(chunk));
  const pipe: Pipe = {
    input,
    output,
    diagnostics: [],
    exit: new Promise(() => {}),
    destroy: () => {
      input.destroy();
      output.destroy();
    },
  };
  return { pipe, says: (text: string) => output.write(text), got: () => Buffer.concat(chunks) };
}

function start(opening: Promise<Pipe>, push?: ParentHost['runtime']) {
  const router = new Router({ id: 0, parentIds: [] });
  const host: ParentHost = {
    router,
    broker: new Broker(router),
    log: () => {},
    pushedCore: CORE,
    vendor: () => Promise.reject(new Error('not needed')),
    runtime: push ?? (() => Promise.reject(new Error('not needed'))),
  };
  let marker = '';
  const connecting = connectChild(
    host,
    (_, attempt) => {
      marker = attempt.nodeArgs[3] as string;
      attempt.enter('shell');
      return opening;
    },
    push ? { ...REQUEST, runtime: 'push' } : REQUEST,
  );
  return { ...connecting, marker };
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

  describe('a host that is sent a Node', () => {
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    /** A bundle whose pushes end as the test says. */
    function makeRuntime() {
      const pushes: { words: string[][]; ends: number; finish(): void }[] = [];
      const runtime = async () => ({
        pushRuntime: (): Push => {
          const push = { words: [] as string[][], ends: 0, finish: () => {} };
          const done = new Promise<void>((resolve) => {
            push.finish = resolve;
          });
          pushes.push(push);
          return {
            done,
            answer: (words) => {
              push.words.push(words);
              if (words[0] === 'running') push.finish();
            },
            end: () => void push.ends++,
          };
        },
      });
      return { pushes, runtime };
    }

    it('gets the core also where Node is there in the same turn as the last answer', async () => {
      const { pipe, says, got } = makeHost();
      const { pushes, runtime } = makeRuntime();
      const { done, marker } = start(Promise.resolve(pipe), runtime);
      await turn();
      says(`${marker} shell\n${marker} none\n`);
      await turn();
      expect(pushes).to.have.length(1);
      expect(got().toString('latin1').split(String(CORE))).to.have.length(2);
      says(`${marker} runtime running\n${marker} node v20.0.0 1\n`);
      await turn();
      // The shell has dropped the first.
      expect(got().toString('latin1').split(String(CORE))).to.have.length(3);
      says(`${marker} ready\n`);
      expect((await done).nodeVersion).to.equal('v20.0.0');
      pipe.destroy();
    });

    it('is sent one only once, however often it says that it has none', async () => {
      const { pipe, says } = makeHost();
      const { pushes, runtime } = makeRuntime();
      const { done, cancel, marker } = start(Promise.resolve(pipe), runtime);
      await turn();
      for (let i = 0; i < 100; i++) says(`${marker} none\n`);
      await turn();
      expect(pushes).to.have.length(1);
      cancel(new Error('given up'));
      expect((await failure(done)).message).to.equal('given up');
      expect(pushes[0]?.ends).to.equal(1);
    });

    it('has the push ended where it is ready before', async () => {
      const { pipe, says } = makeHost();
      const { pushes, runtime } = makeRuntime();
      const { done, marker } = start(Promise.resolve(pipe), runtime);
      await turn();
      says(`${marker} none\n`);
      await turn();
      says(`${marker} ready\n`);
      await done;
      expect(pushes[0]?.ends).to.equal(1);
      pipe.destroy();
    });
  });
});
