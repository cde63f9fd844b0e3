import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { failure } from '../../../../../test/support/failure.js';
import { requirePart } from '../../../../../test/support/parts.js';
import { readElf } from '../../../src/parent/runtime/elf.js';
import { ownRuntime } from '../../../src/parent/runtime/own-runtime.js';
import type { Runtime } from '../../../src/parent/runtime/runtime.js';

const run = promisify(execFile);

describe('parent/runtime: the own Node', () => {
  before(requirePart('Linux', process.platform === 'linux'));

  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });

  async function unpack({ files }: Runtime): Promise<string> {
    // With what a shell or a loader could trip over.
    const folder = await mkdtemp(join(tmpdir(), 'kinetin own-'));
    folders.push(folder);
    for (const { name, from } of files) {
      const path = join(folder, name);
      await (typeof from === 'string' ? copyFile(from, path) : writeFile(path, from as Buffer));
      await chmod(path, 0o755);
    }
    return join(folder, 'node');
  }

  it('has all libraries that the program asks for, by the names that it asks by', () => {
    const elf = readElf(process.execPath);
    expect(elf?.needed).to.include.members(['libc.so.6', 'libm.so.6']);
    const names = ownRuntime().files.map(({ name }) => name);
    expect(names).to.include.members(['node', 'node.bin', 'ld', 'preload.js', 'libc.so.6']);
    // The loader is there once.
    expect(names.filter((name) => name.startsWith('ld'))).to.deep.equal(['ld']);
  });

  it('runs from any folder, says that it is the script, and passes itself on as it is', async () => {
    const node = await unpack(ownRuntime());
    const { stdout } = await run(node, ['-p', 'process.execPath + process.execArgv']);
    expect(stdout).to.equal(`${node}-p,process.execPath + process.execArgv\n`);
    const { execPath } = process;
    try {
      process.execPath = node;
      const names = (runtime: Runtime) => runtime.files.map(({ name }) => name).sort();
      const passedOn = ownRuntime();
      process.execPath = execPath;
      expect(names(passedOn)).to.deep.equal(names(ownRuntime()));
    } finally {
      process.execPath = execPath;
    }
  });

  it('does not start, nor says a version, where a file of it is gone or empty', async () => {
    const node = await unpack(ownRuntime());
    for (const name of ['preload.js', 'libm.so.6', 'node.bin']) {
      const path = join(node, '..', name);
      const content = await readFile(path);
      await writeFile(path, '');
      const error = await failure<Error & { stderr: string }>(run(node, ['-v']));
      expect(error.stderr).to.contain(`${name} is missing`);
      await writeFile(path, content);
    }
    expect((await run(node, ['-v'])).stdout).to.equal(`${process.version}\n`);
  });

  it('sees no program in other files', async () => {
    expect(readElf(import.meta.filename)).to.equal(undefined);
    const folder = await mkdtemp(join(tmpdir(), 'kinetin-elf-'));
    folders.push(folder);
    const damaged = join(folder, 'damaged');
    const header = Buffer.alloc(64, 0xff);
    header.write('\x7fELF\x02\x01', 'latin1');
    await writeFile(damaged, header);
    const error = await failure((async () => readElf(damaged))());
    expect(error.message).to.match(/damaged: its tables make no sense|out of range/);
  });
});
