/**
 * Programs that measure themselves: they read a line `command number` and answer with the seconds
 * that it took, or that one of so many took. They live through the whole run, so that they can take turns with what is measured
 * here; between their turns they wait for a line and take no time.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** No command takes as long. */
const ANSWER_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 3_000;

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, args: readonly string[]) {
    this.#title = [file, ...args].join(' ');
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', () => {
      // The end of its output reports it.
    });
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Seconds that the command took. One at a time. */
  async run(command: string, number: number): Promise<number> {
    this.#child.stdin!.write(`${command} ${number}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (done || !(Number(value) > 0)) {
      throw new Error(`${this.#title} has not answered to "${command}": ${value}`);
    }
    return Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.pid === undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    await exited;
    clearTimeout(timer);
  }
}
