import { createHash } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import { naiveFrame } from '../../../../test/support/naive-frame.js';
import { settle, TestTree } from '../../../../test/support/stream-pair.js';
import { ModuleStore, unpackModule } from '../../src/runtime/modules.js';
import { FrameDecoder, handleOf } from '../../src/wire/frame.js';
import { GET_MODULE, MODULE } from '../../src/wire/handles.js';
import { serialize } from '../../src/wire/serialize.js';

const [MASTER, A, B, C, D] = [0, 1, 2, 3, 4];

const TEXT = 'exports.answer = 42;';
const PACKED = brotliCompressSync(TEXT);
const HASH = createHash('sha256').update(TEXT).digest('hex');
const MISSING = 'f'.repeat(64);

describe('runtime/modules', () => {
  /** master > a > b, a > d, master > c */
  let tree: TestTree;
  let stores: Map<number, ModuleStore>;
  /** GET_MODULE and MODULE frames on each line, by the context below it: how many went each way. */
  let traffic: Map<number, { up: number; down: number }>;

  beforeEach(async () => {
    tree = new TestTree();
    stores = new Map();
    traffic = new Map();
    for (const [id, parent] of [
      [A, MASTER],
      [B, A],
      [D, A],
      [C, MASTER],
    ] as const) {
      const { up, down } = await tree.add(id, parent);
      const count = { up: 0, down: 0 };
      traffic.set(id, count);
      for (const [name, end, handle] of [
        ['up', up, GET_MODULE],
        ['down', down, MODULE],
      ] as const) {
        const decoder = new FrameDecoder();
        end!.cut = (bytes) => {
          decoder.push(Buffer.from(bytes), (frame) => {
            if (handleOf(frame) === handle) count[name]++;
          });
          return [bytes];
        };
      }
    }
    for (const [id, { router }] of tree.contexts) stores.set(id, new ModuleStore(router));
  });

  const store = (id: number): ModuleStore => stores.get(id) as ModuleStore;

  it('unpackModule gives the text, and refuses what is not what the hash names', () => {
    expect(unpackModule(HASH, PACKED)).to.equal(TEXT);
    expect(() => unpackModule(MISSING, PACKED)).to.throw('arrived damaged');
    expect(() => unpackModule(HASH, Buffer.from('no brotli'))).to.throw();
  });

  it('brings a module down through all hops, which keep it', async () => {
    store(MASTER).add(HASH, PACKED);
    expect((await store(B).get(HASH)).equals(PACKED)).to.equal(true);
    expect(traffic.get(A)).to.deep.equal({ up: 1, down: 1 });
    expect((await store(D).get(HASH)).equals(PACKED)).to.equal(true);
    expect(await store(A).get(HASH)).to.be.instanceOf(Buffer);
    expect(traffic.get(A), 'the hop had it').to.deep.equal({ up: 1, down: 1 });
  });

  it('asks once for what many want', async () => {
    store(MASTER).add(HASH, PACKED);
    const all = await Promise.all([B, B, D, A, D, B].map((id) => store(id).get(HASH)));
    for (const packed of all) expect(packed.equals(PACKED)).to.equal(true);
    expect(traffic.get(A)?.up).to.equal(1);
    expect(traffic.get(B)?.up).to.equal(1);
  });

  it('says where no context above has a module, to all who asked, and asks again later', async () => {
    for (let i = 0; i < 2; i++) {
      const errors = await Promise.all(
        [B, B, A, MASTER].map((id) => failure(store(id).get(MISSING))),
      );
      for (const { code } of errors) expect(code).to.equal('ERR_MODULE_NOT_FOUND');
    }
    expect(traffic.get(B)?.up).to.equal(2);
  });

  it('sends ahead what is pushed: nobody asks', async () => {
    store(MASTER).add(HASH, PACKED);
    store(MASTER).push(HASH, B);
    store(MASTER).push(HASH, B);
    store(MASTER).push(HASH, D);
    await settle();
    for (const id of [A, B, D]) expect((await store(id).get(HASH)).equals(PACKED)).to.equal(true);
    expect([A, B, D].map((id) => traffic.get(id)?.up)).to.deep.equal([0, 0, 0]);
    expect(traffic.get(B)?.down, 'once is enough').to.equal(1);
  });

  it('answers a child that asks again for what it was sent', async () => {
    store(MASTER).add(HASH, PACKED);
    await store(C).get(HASH);
    // As after a restart of what holds it there, or where it could not be taken.
    const again = new ModuleStore(tree.router(C));
    const state: { packed?: Buffer } = {};
    again.get(HASH).then((packed) => {
      state.packed = packed;
    });
    await settle();
    expect(state.packed?.equals(PACKED)).to.equal(true);
  });

  it('refuses a module that is not what its hash names, and says so to those who wait', async () => {
    const waiting = failure(store(C).get(HASH));
    tree.router(MASTER).post(C, MODULE, [HASH, brotliCompressSync('exports.evil = 1'), C]);
    expect((await waiting).code).to.equal('ERR_MODULE_HASH');
  });

  for (const [title, packed] of [
    ['a module', PACKED],
    ['that there is none', new Error('there is none')],
  ] as const) {
    it(`takes the word of nobody beside or below for ${title}`, async () => {
      const payload = serialize([HASH, packed, A]);
      tree.get(A).up!.isHeld = true;
      const state: { outcome?: unknown } = {};
      store(A)
        .get(HASH)
        .then(
          (got) => (state.outcome = got),
          (error) => (state.outcome = error),
        );
      for (const id of [B, C]) {
        const frame = { source: id, destination: A, handle: MODULE, payload };
        tree.get(id).up?.write(naiveFrame(frame), () => {});
      }
      await settle();
      expect(state).to.deep.equal({});
      expect(tree.get(A).complaints.filter((text) => text.includes('refused'))).to.have.lengthOf(2);
      store(MASTER).add(HASH, PACKED);
      tree.get(A).up!.release();
      await settle();
      expect(state.outcome).to.deep.equal(PACKED);
    });
  }

  for (const value of [undefined, 7, {}, { toString: 1 }, [HASH], 'x'.repeat(100_000)]) {
    it(`survives a request for ${JSON.stringify(value)?.slice(0, 20)}`, async () => {
      store(MASTER).add(HASH, PACKED);
      tree.router(C).post(MASTER, GET_MODULE, value);
      await settle();
      expect((await store(C).get(HASH)).equals(PACKED)).to.equal(true);
    });
  }
});
