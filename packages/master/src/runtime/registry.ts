/**
 * What the npm registry has of Node, as packages that hold its program.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { readTarFile } from './tar.js';

const run = promisify(execFile);

/** A file that is larger is no Node. */
const MAX_BYTES = 512 * 1024 * 1024;

/** A version of a package, as the registry describes it. */
export interface PackageVersion {
  readonly version: string;
  readonly dist: { readonly tarball: string; readonly integrity?: string };
}

/** What a fetch is told and tells. */
export interface Fetching {
  /** Gives it up. */
  readonly signal: AbortSignal;
  onProgress(): void;
}

/** That of npm's own settings, wherever they stand: npm is asked. */
export async function defaultRegistry(signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run('npm', ['config', 'get', 'registry'], { signal });
    return stdout.trim();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const why = (error as Error).message.split('\n')[0];
    throw new Error(`npm cannot be asked for its registry: ${why}; say which in npmRegistry`);
  }
}

/** The version that is wanted, else the newest of its major, else the newest of all. */
export async function findVersion(
  registry: string,
  name: string,
  wanted: string,
  signal: AbortSignal,
): Promise<PackageVersion> {
  const url = new URL(name, registry.endsWith('/') ? registry : `${registry}/`);
  const headers = { accept: 'application/vnd.npm.install-v1+json' };
  const response = await get(url, { headers, signal });
  const { versions = {} } = (await response.json()) as {
    versions?: Record<string, PackageVersion>;
  };
  const numbers = Object.keys(versions)
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version))
    .sort(byVersion);
  const [major] = wanted.split('.');
  const best =
    numbers.find((version) => version === wanted) ??
    numbers.findLast((version) => version.startsWith(`${major}.`)) ??
    numbers.at(-1);
  if (best === undefined) throw new Error(`${url} has no versions`);
  // Not the version that it says it has: that would become a path.
  return { ...(versions[best] as PackageVersion), version: best };
}

/**
 * Fetches `path` of a package into `file`, by way of `archive`; both are new files. Nothing is
 * unpacked before the archive was found to be what its integrity says.
 */
export async function fetchFile(
  { dist: { tarball, integrity = '' } }: PackageVersion,
  path: string,
  archive: string,
  file: string,
  { signal, onProgress }: Fetching,
): Promise<void> {
  const expected = /(?:^|\s)sha512-([\w+/]+={0,2})/.exec(integrity)?.[1];
  if (expected === undefined) throw new Error(`${tarball} has no sha512 integrity in the registry`);
  const { body } = await get(new URL(tarball), { signal });
  const hash = createHash('sha512');
  let bytes = 0;
  async function* checked(): AsyncGenerator<Uint8Array> {
    for await (const chunk of Readable.fromWeb(body as never) as AsyncIterable<Uint8Array>) {
      onProgress();
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new Error(`${tarball} is larger than ${MAX_BYTES} bytes`);
      yield chunk;
    }
  }
  await pipeline(checked, createWriteStream(archive, { flags: 'wx' }));
  const found = hash.digest('base64');
  if (found !== expected) {
    throw new Error(
      `${tarball} is not what the registry says: sha512-${found} instead of sha512-${expected}`,
    );
  }
  await pipeline(
    createReadStream(archive),
    createGunzip(),
    (unpacked: AsyncIterable<Buffer>) => readTarFile(unpacked, path),
    createWriteStream(file, { flags: 'wx', mode: 0o755 }),
  );
}

async function get(url: URL, init: RequestInit): Promise<Response> {
  if (!/^https?:$/.test(url.protocol)) throw new Error(`${url} is no http address`);
  // Not repeated: the text of an error may be kept.
  if (url.username || url.password) {
    throw new Error(`${url.host}: registries that ask for a login do not work`);
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`cannot fetch ${url}: ${(cause as Error | undefined)?.message || message}`);
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`cannot fetch ${url}: status ${response.status}`);
  }
  return response;
}

function byVersion(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (const [index, number] of (left as number[]).entries()) {
    const difference = number - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
