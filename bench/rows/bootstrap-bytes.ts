/** Bytes that are written before a local child is ready: its command line, core and configuration. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subject } from '../support/bench.js';

const ROOT = join(import.meta.dirname, '../..');

export const bootstrapBytes: Subject = {
  rows: ['bootstrap-bytes'],
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'kinetin-bench-'));
    try {
      const file = join(folder, 'size.json');
      const tsx = createRequire(import.meta.url).resolve('tsx/cli');
      const { stderr } = spawnSync(process.execPath, [tsx, 'scripts/size.ts', '--json', file], {
        cwd: ROOT,
        encoding: 'utf8',
      });
      const sizes: { name: string; bytes: number }[] = JSON.parse(readIfThere(file, stderr));
      const { bytes } = sizes.find(({ name }) => name === 'bootstrap')!;
      return [{ name: 'bootstrap-bytes', value: bytes, unit: 'bytes', goal: { atMost: 10_000 } }];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function readIfThere(file: string, complaint: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Error(`scripts/size.ts has written nothing: ${complaint}`);
  }
}
