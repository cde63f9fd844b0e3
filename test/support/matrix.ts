/** Runs programs with one Node whose contexts have others: the matrix of versions. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ChainReport, Interpreter } from '../fixtures/matrix/program.js';
import { fetchNode } from './real-node.js';

export type { ChainReport };

const run = promisify(execFile);
const program = fileURLToPath(new URL('../fixtures/matrix/program.ts', import.meta.url));

/** For all chains of one run; what hangs longer is a failure. */
const RUN_TIMEOUT_MS = 300_000;

/** One master, and the chains of contexts below it, all as versions. */
export interface Plan {
  readonly master: string;
  readonly chains: readonly (readonly string[])[];
}

/**
 * What runs with every run of the tests, whatever is released meanwhile: the two oldest and the newest as
 * children, the newest and one that many have as masters, a mixed chain. docs/support-matrix.md lists it.
 */
export const PINNED: readonly Plan[] = [
  {
    master: '26.10.0',
    chains: [['12.22.12'], ['14.21.3'], ['26.10.0'], ['12.22.12', '26.10.0', '14.21.3']],
  },
  { master: '22.18.0', chains: [['12.22.12'], ['14.21.3'], ['26.10.0']] },
];

/** A plan as text, as in `26.10.0 -> 12.22.12 -> 14.21.3` for each chain. */
export function describePlan({ master, chains }: Plan): string[] {
  return chains.map((chain) => [master, ...chain].join(' -> '));
}

/** Fetches all that a plan needs. */
export async function fetchAll(plans: readonly Plan[]): Promise<void> {
  const versions = plans.flatMap(({ master, chains }) => [master, ...chains.flat()]);
  // One after another: they share a folder for unpacking.
  for (const version of new Set(versions)) await fetchNode(version);
}

/**
 * Does all checks with the last context of each chain, in a program that `master` runs. Rejects where that
 * program fails, or prints a warning.
 */
export async function runPlan({ master, chains }: Plan): Promise<ChainReport[]> {
  await fetchAll([{ master, chains }]);
  const find = async (version: string): Promise<Interpreter> => ({
    path: await fetchNode(version),
    version,
  });
  const interpreters = await Promise.all(chains.map((chain) => Promise.all(chain.map(find))));
  const args = ['--import', 'tsx', program, JSON.stringify(interpreters)];
  const { stdout, stderr } = await run(await fetchNode(master), args, {
    env: { ...process.env, NODE_OPTIONS: '' },
    timeout: RUN_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  if (stderr !== '') throw new Error(`the master with Node ${master} has printed:\n${stderr}`);
  return JSON.parse(stdout);
}
