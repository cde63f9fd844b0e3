import type { GetRuntime, RuntimeFile, Waiter } from '@kinetin/core/parent';
import { expect } from 'chai';
import { CALL_MAIN, GET_RUNTIME } from '../../../../packages/core/src/wire/handles.js';
import { FREE_WINDOW_BYTES } from '../../../../packages/core/src/wire/limits.js';
import { failure } from '../../../../test/support/failure.js';
import { Random } from '../../../../test/support/random.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { RuntimesForHops } from '../../src/runtime/to-hops.js';

const [MASTER, HOP, BEHIND, OTHER] = [0, 1, 2, 3];
/** A context that is to be started. */
const CHILD = 7;
const PIECE_BYTES = 4_194_304;
/** What the hop says where it says nothing. */
const UNANSWERED = Symbol('unanswered');
const CONTENTS = Buffer.alloc(PIECE_BYTES + 100, 'contents');

/** Runs `task` while it is `ms` all the time. */
function withClock(ms: number, task: () => void): void {
  const { now } = Date;
  Date.now = () => ms;
  try {
    task();
  } finally {
    Date.now = now;
  }
}

describe('runtime/to-hops', () => {
  let tree: TestTree;
  let runtimes: RuntimesForHops;
  /** What the hop was told, and what it answers to it. */
  let told: unknown[][];
  let answer: (name: string) => unknown;
  /** Called with each. */
  let onTold: (name: string) => void;
  /** What was asked of the registry. */
  let asked: string[];
  let waiter: Waiter;
  let getRuntime: GetRuntime;

  beforeEach(async () => {
    tree = await TestTree.grow([HOP, MASTER], [BEHIND, HOP], [OTHER, MASTER]);
    told = [];
    asked = [];
    answer = () => true;
    onTold = () => {};
    getRuntime = async () => ({
      description: 'a stub',
      files: [{ name: 'node', size: CONTENTS.length, from: CONTENTS }],
    });
    const get: GetRuntime = (platform, arch, by) => {
      asked.push(`${platform} ${arch}`);
      waiter = by;
      return getRuntime(platform, arch, by);
    };
    runtimes = new RuntimesForHops(tree.router(MASTER) as never, get, 'ab'.repeat(32));
    const hop = tree.router(HOP);
    hop.listen(
      {
        policy: hop.isAbove,
        onMessage: (message) => {
          const [module, [name], args] = hop.decode(message) as [Buffer, [string], unknown[]];
          expect(module.toString('hex')).to.equal('ab'.repeat(32));
          told.push([name, ...args]);
          const said = answer(name);
          if (said !== UNANSWERED) hop.reply(message, hop.encode(said));
          onTold(name);
        },
      },
      CALL_MAIN,
    );
  });

  const ask = (from: number, ...words: unknown[]) => {
    const router = tree.router(from);
    return router.request(MASTER, GET_RUNTIME, router.encode(words));
  };
  const when = (name: string, count = 1) =>
    new Promise<void>((resolve) => {
      let left = count;
      onTold = (each) => {
        if (each === name && --left === 0) resolve();
      };
    });
  const names = () => told.map(([name]) => name);

  /** Resolves when nobody goes through the files of the runtime any more. */
  const whenLeft = (file: RuntimeFile = { name: 'node', size: CONTENTS.length, from: CONTENTS }) =>
    new Promise<void>((resolve) => {
      const files = [file];
      files[Symbol.iterator] = function* () {
        try {
          yield* files.values();
        } finally {
          resolve();
        }
      } as typeof files.values;
      getRuntime = async () => ({ description: 'a stub', files });
    });

  it('go to the hop that was told to connect, in order, with what each file holds', async () => {
    const done = when('takePiece', 2);
    runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'linux', 'arm64');
    await done;
    expect(asked).to.deep.equal(['linux arm64']);
    const [offer, ...pieces] = told as [unknown[], ...unknown[][]];
    const [, id, description, [[name, size, hash]]] = offer as [0, 0, 0, [unknown[]]];
    expect([id, description, name, size]).to.deep.equal([CHILD, 'a stub', 'node', CONTENTS.length]);
    expect(hash).to.match(/^[0-9a-f]{64}$/);
    expect(pieces.map((piece) => piece.slice(0, 4))).to.deep.equal([
      ['takePiece', CHILD, 'node', 0],
      ['takePiece', CHILD, 'node', PIECE_BYTES],
    ]);
  });

  it('go in parts, each of which is progress for the hop, and without waiting for credit', async () => {
    const { getPiece } = await (await import('@kinetin/core/parent')).loadRuntime();
    const contents = new Random(1).bytes(PIECE_BYTES + 100);
    const files = [{ name: 'node', size: contents.length, from: contents }];
    getRuntime = async () => ({ description: 'a stub', files });
    const pieces = new Map<number, Buffer[]>();
    const done = new Promise<void>((resolve) => {
      onTold = () => {
        const [name, , , at, part, from, isLast] = told.at(-1) as [string, 0, 0, ...unknown[]];
        if (name !== 'takePiece') return;
        const parts = pieces.get(at as number) ?? [];
        expect(from).to.equal(Buffer.concat(parts).length);
        expect((part as Buffer).length).to.be.within(1, FREE_WINDOW_BYTES - 1000);
        pieces.set(at as number, [...parts, part as Buffer]);
        if (isLast && at === PIECE_BYTES) resolve();
      };
    });
    runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'linux', 'arm64');
    await done;
    for (const [at, parts] of pieces) {
      const piece = await getPiece(files[0]!, at, true);
      expect(Buffer.concat(parts).equals(piece)).to.equal(true);
    }
    expect([...pieces.keys()]).to.deep.equal([0, PIECE_BYTES]);
  });

  it('go to nobody else, and to that one once', async () => {
    const end = runtimes.expect(CHILD, HOP);
    const refused = async (from: number, ...words: unknown[]) => {
      const error = await failure(ask(from, ...words));
      expect(error, JSON.stringify([from, words])).to.include({ code: 'ERR_REFUSED' });
    };
    for (const from of [BEHIND, OTHER]) await refused(from, CHILD, 'linux', 'arm64');
    for (const id of [8, -1, '7', null, '__proto__']) await refused(HOP, id, 'linux', 'arm64');
    for (const words of [[], [CHILD], [CHILD, {}, 'arm64'], [CHILD, 'linux', 7]]) {
      await refused(HOP, ...words);
    }
    expect(asked).to.deep.equal([]);
    const done = when('takePiece', 2);
    await ask(HOP, CHILD, 'linux', 'arm64');
    await refused(HOP, CHILD, 'linux', 'arm64');
    await done;
    end();
    await refused(HOP, CHILD, 'linux', 'arm64');
    expect(asked).to.have.length(1);
  });

  it('are refused with the reason where there is none', async () => {
    getRuntime = async (platform) => {
      throw new Error(`npm has no Node for ${platform}`);
    };
    const done = when('refuseRuntime');
    runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'plan9', 'arm64');
    await done;
    expect(told.at(-1)).to.deep.equal(['refuseRuntime', CHILD, 'npm has no Node for plan9']);
  });

  it('are not sent on to a hop that wants no more', async () => {
    answer = () => false;
    const left = whenLeft();
    runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'linux', 'arm64');
    await left;
    await settle();
    expect(names()).to.deep.equal(['offerRuntime', 'takePiece']);
  });

  it('are fetched no more when the attempt is over, and the hop hears that the fetching moves', async () => {
    getRuntime = () => new Promise(() => {});
    const end = runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'linux', 'arm64');
    for (const seconds of [0, 1]) {
      withClock(1e12 + 1000 * seconds, () => {
        for (let i = 0; i < 10; i++) waiter.onProgress();
      });
      await settle();
      expect(names(), 'once a second').to.deep.equal(Array(seconds + 1).fill('runtimeMoves'));
    }
    const ended: string[] = [];
    waiter.onEnd(() => ended.push('early'));
    expect(ended).to.deep.equal([]);
    end();
    waiter.onEnd(() => ended.push('late'));
    expect(ended).to.deep.equal(['early', 'late']);
  });

  it('of an attempt that is over are neither refused nor offered: others may share what the hop has asked for', async () => {
    const runtime = { description: 'a stub', files: [] };
    for (const isHad of [false, true]) {
      getRuntime = (_platform, _arch, { onEnd }) =>
        new Promise((resolve, reject) => {
          onEnd(() => (isHad ? resolve(runtime) : reject(new Error('nobody wants it any more'))));
        });
      const end = runtimes.expect(CHILD, HOP);
      await ask(HOP, CHILD, 'linux', 'arm64');
      end();
      await settle();
      expect(told, isHad ? 'offered' : 'refused').to.deep.equal([]);
    }
  });

  it('of an attempt that is over are not sent on, whatever the hop says, and not kept', async () => {
    const { getPiece } = await (await import('@kinetin/core/parent')).loadRuntime();
    const file = { name: 'node', size: CONTENTS.length, from: CONTENTS };
    for (const says of [() => true, () => UNANSWERED]) {
      told = [];
      answer = (name) => (name === 'takePiece' ? says() : undefined);
      const left = whenLeft(file);
      const taken = when('takePiece');
      const end = runtimes.expect(CHILD, HOP);
      await ask(HOP, CHILD, 'linux', 'arm64');
      await taken;
      const kept = getPiece(file, 0, true);
      end();
      await left;
      await settle();
      expect(names()).to.deep.equal(['offerRuntime', 'takePiece']);
      expect(getPiece(file, 0, true)).not.to.equal(kept);
    }
  });

  it('fail nobody but the attempt where the hop is lost', async () => {
    let accept: (runtime: never) => void = () => {};
    getRuntime = () =>
      new Promise((resolve) => {
        accept = resolve;
      });
    runtimes.expect(CHILD, HOP);
    await ask(HOP, CHILD, 'linux', 'arm64');
    tree.get(HOP).up?.cutOff('gone');
    accept({ description: 'a stub', files: [] } as never);
    await settle();
    expect(told).to.deep.equal([]);
  });
});
