/**
 * The functions that run on the hosts. Kinetin cuts them out of this file and ships them; nothing
 * of it is installed there. They keep to what Node 12.22 has and look before they use more.
 */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { promisify } from 'node:util';

export interface Disk {
  totalBytes: number;
  /** What an ordinary user may still write. */
  freeBytes: number;
}

export interface HostReport {
  hostName: string;
  nodeVersion: string;
  /** Mean number of running processes over the last minute. */
  load: number;
  disk: Disk;
  uptimeSeconds: number;
  pid: number;
}

/** Describes the host that it runs on, and the file system that holds `path`. */
export async function hostReport(path: string): Promise<HostReport> {
  return {
    // The embedded hosts share one machine, hence its name: they say theirs in the environment.
    hostName: process.env.KINETIN_HOST_NAME ?? os.hostname(),
    nodeVersion: process.version,
    load: os.loadavg()[0]!,
    disk: await diskSpace(path),
    uptimeSeconds: Math.round(os.uptime()),
    pid: process.pid,
  };
}

async function diskSpace(path: string): Promise<Disk> {
  if (typeof fs.statfs !== 'function') return diskSpaceByDf(path);
  const { bsize, blocks, bavail } = await fs.promises.statfs(path);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

/** For Node before 18.15: asks `df`, whose `-P` output is the same everywhere. */
async function diskSpaceByDf(path: string): Promise<Disk> {
  const { stdout } = await promisify(execFile)('df', ['-kP', path]);
  const [, total, , free] = stdout.trim().split('\n').pop()!.split(/\s+/);
  return { totalBytes: Number(total) * 1024, freeBytes: Number(free) * 1024 };
}
