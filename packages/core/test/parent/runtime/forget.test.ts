import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { forgetRuntime } from '../../../src/parent/runtime/forget.js';

describe('parent/runtime: what was stored is forgotten', () => {
  const { env, getuid } = process;
  const before = process.cwd();
  /** Of no account here: the folders in /tmp and the like are nobody's. */
  const uid = 4_000_000 + Math.floor(Math.random() * 4_000_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinetin-forget-'));
    process.chdir(folder);
  });
  afterEach(async () => {
    process.env = env;
    process.getuid = getuid as () => number;
    process.chdir(before);
    await rm(folder, { recursive: true });
  });

  it('in the cache of the account, not beyond links', async () => {
    process.env = { HOME: folder };
    const outside = join(folder, 'outside');
    await mkdir(join(folder, '.cache/kinetin/hash'), { recursive: true });
    await mkdir(outside);
    for (const path of ['.cache/kinetin/hash/node', 'outside/file']) {
      await writeFile(join(folder, path), '12345');
    }
    await symlink(outside, join(folder, '.cache/kinetin/hash/link'));
    const { paths, bytes } = forgetRuntime();
    expect(paths).to.include(join(folder, '.cache/kinetin'));
    expect(bytes).to.be.at.least(5);
    expect(existsSync(join(folder, '.cache/kinetin'))).to.equal(false);
    expect(existsSync(join(outside, 'file'))).to.equal(true);
  });

  it('never in folders that depend on where the process is: none was stored there', async () => {
    process.env = { XDG_CACHE_HOME: 'relative', XDG_RUNTIME_DIR: '.', TMPDIR: 'relative' };
    process.getuid = () => uid;
    const kept = ['relative/kinetin', `kinetin-${uid}`, `relative/kinetin-${uid}`];
    for (const path of kept) await mkdir(join(folder, path), { recursive: true });
    process.getuid = getuid as () => number;
    forgetRuntime();
    for (const path of kept) expect(existsSync(join(folder, path)), path).to.equal(true);
  });
});
