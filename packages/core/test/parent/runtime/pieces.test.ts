import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { getPiece, PIECE_BYTES, usePieces } from '../../../src/parent/runtime/pieces.js';
import type { RuntimeFile } from '../../../src/parent/runtime/runtime.js';

describe('parent/runtime/pieces', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinetin-pieces-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function makeFile(name: string, size: number): Promise<RuntimeFile> {
    const from = join(folder, name);
    await writeFile(from, Buffer.alloc(size, name));
    return { name, from, size } as RuntimeFile;
  }

  it('are 4 MiB of a file, and one byte more is another', async () => {
    const file = await makeFile('large', PIECE_BYTES + 1);
    for (const [at, length] of [
      [0, PIECE_BYTES],
      [PIECE_BYTES, 1],
    ] as const) {
      expect(await getPiece(file, at, false)).to.have.lengthOf(length);
      expect(gunzipSync(await getPiece(file, at, true))).to.have.lengthOf(length);
    }
  });

  it('are kept while a push runs, the eight that were used last', async () => {
    const end = usePieces();
    const files = await Promise.all(Array.from({ length: 9 }, (_, i) => makeFile(`f${i}`, 10)));
    const first = files.slice(0, 8).map((file) => getPiece(file, 0, true));
    const again = files.slice(0, 8).map((file) => getPiece(file, 0, true));
    expect(again.map((piece, i) => piece === first[i])).to.deep.equal(new Array(8).fill(true));
    const ninth = getPiece(files[8]!, 0, true);
    expect(getPiece(files[8]!, 0, true)).to.equal(ninth);
    expect(getPiece(files[1]!, 0, true)).to.equal(first[1]);
    const anew = getPiece(files[0]!, 0, true);
    expect(anew).not.to.equal(first[0]);
    await Promise.all([...first, ninth, anew]);
    end();
    expect(getPiece(files[8]!, 0, true)).not.to.equal(ninth);
  });
});
