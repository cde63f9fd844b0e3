/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * How far one attempt to start a child has come: its stage, its deadlines, its output, its end.
 */

import { ConnectError, type ExitStatus, type Stage } from './attempt.js';
import type { CommandOptions } from './command.js';

/** Milliseconds that a stage may take; a stage that is missing has only the overall deadline. */
export type StageTimeouts = Partial<Record<Stage, number>>;

/** Lines of output that an error shows, and characters of each. */
const OUTPUT_LINES = 100;
const OUTPUT_LINE_CHARS = 1000;

export class Progress {
  stage: Stage = 'resolve';
  /** How the process ended, once it has. */
  exit: ExitStatus | undefined;
  /** Whether the attempt has succeeded or failed. */
  isOver = false;

  private _lines: string[] = [''];
  private _cancels: (() => void)[] = [];
  /** Runs from the first stage on: what waits for its turn is in no stage. */
  private _total: NodeJS.Timeout | undefined;
  private _stageTimer: NodeJS.Timeout | undefined;
  private _reject: (reason: unknown) => void = () => {};
  private _failed: Promise<never>;

  constructor(
    private _limits: { timeoutMs: number; stageTimeoutsMs: StageTimeouts },
    readonly command: CommandOptions,
  ) {
    this._failed = new Promise((_, reject) => {
      this._reject = reject;
    });
    // Nobody may be racing at the moment of the failure.
    this._failed.catch(() => {});
  }

  /**
   * Enters a stage: its own deadline runs from now. Stages never go back. The stage `runtime` is
   * entered again with each step: it may take any time, as long as something moves, and the overall
   * deadline begins anew behind it.
   */
  enter(stage: Stage): void {
    if (this.isOver) return;
    this.stage = stage;
    const { timeoutMs } = this._limits;
    if (stage === 'runtime') {
      clearTimeout(this._total as NodeJS.Timeout);
      this._total = undefined;
    } else this._total = this._total || setTimeout(() => this._timeOut(timeoutMs), timeoutMs);
    clearTimeout(this._stageTimer as NodeJS.Timeout);
    const limit = this._limits.stageTimeoutsMs[stage];
    if (limit) this._stageTimer = setTimeout(() => this._timeOut(limit), limit);
  }

  /** Keeps the last lines of what the other side prints. */
  note(text: string): void {
    const lines = text.split(/\r?\n/);
    const joined = this._lines[this._lines.length - 1] + (lines.shift() as string);
    const cut = [joined, ...lines].map((line) => line.slice(0, OUTPUT_LINE_CHARS));
    this._lines.splice(-1, 1, ...cut);
    this._lines.splice(0, this._lines.length - OUTPUT_LINES - 1);
  }

  /** Registers what a failure ends. Called at once where the attempt has failed already. */
  onCancel(callback: () => void): void {
    if (this.isOver) callback();
    else this._cancels.push(callback);
  }

  /** Settles as `step` does, or rejects when the attempt fails first. */
  race<Value>(step: Promise<Value>): Promise<Value> {
    return Promise.race([step, this._failed]);
  }

  /** Fails the attempt from outside: a deadline, an abort, a shutdown. */
  fail(reason: unknown): void {
    if (!this.isOver) this._reject(reason);
  }

  /** The attempt has succeeded. */
  end(): void {
    this.isOver = true;
    this._cancels = [];
    clearTimeout(this._total as NodeJS.Timeout);
    clearTimeout(this._stageTimer as NodeJS.Timeout);
  }

  /** Ends the attempt with an error that carries all that is known. Returns what to throw. */
  failure(error: unknown): unknown {
    const { stage, exit } = this;
    const cancels = this._cancels;
    this.end();
    for (const cancel of cancels) cancel();
    if (!(error instanceof Error) || error.name === 'AbortError') return error;
    const output = this._lines.filter((line) => line !== '');
    const { code, message } = error as ConnectError;
    // By name: a method's bundle has a class of its own.
    if (error.name === 'ConnectError') return this._complete(error as ConnectError, output);
    return new ConnectError(code || 'ERR_CONNECT', message, { stage, output, exit, cause: error });
  }

  private _complete(error: ConnectError, output: string[]): ConnectError {
    const { stage, exit } = this;
    const last = output.slice(-3).join(' | ');
    if (last && !error.output) error.message += `; last output: ${last}`;
    return Object.assign(error, { stage: error.stage || stage, output, exit: error.exit || exit });
  }

  private _timeOut(limitMs: number): void {
    const what = this.stage === 'runtime' ? 'made no progress for' : 'was not finished after';
    this.fail(
      new ConnectError(
        'ERR_CONNECT_TIMEOUT',
        `could not connect: stage "${this.stage}" ${what} ${limitMs} ms`,
      ),
    );
  }
}
