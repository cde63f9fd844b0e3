/**
 * What subjects are measured with. Everything is started by the first subject that asks for it, and
 * ended with the bench.
 */

import type { Router } from '@kinetin/master';
import { SshBench } from './ssh.js';
import type { Measured } from './table.js';
import type { Yardsticks } from './yardsticks.js';

export interface Bench {
  readonly router: Router;
  readonly yardsticks: Yardsticks;
  readonly ssh: () => Promise<SshBench>;
  /** Says that something cannot be measured here. */
  readonly skip: (name: string, reason: string) => void;
}

/** Some rows that are measured together. */
export interface Subject {
  /** Of all its rows: for `--only`. */
  readonly rows: readonly string[];
  /** It needs an OpenSSH server, and the right to start it. */
  readonly needsSsh?: boolean;
  run(bench: Bench): Promise<Measured[]>;
}

/** Starts the SSH server once. */
export function sharedSsh(): AsyncDisposable & { get: () => Promise<SshBench> } {
  let started: Promise<SshBench> | undefined;
  return {
    get: () => (started ??= SshBench.start()),
    async [Symbol.asyncDispose]() {
      await (await started)?.[Symbol.asyncDispose]();
    },
  };
}
