/**
 * One connection of the doctor: by the very method that contexts are started with, but what it starts
 * says what the host is like, and ends. Deadlines are those of a connect.
 */

import { untilAborted } from '@kinetin/core';
import { type Attempt, ConnectError, newMarker, type Pipe, type Stage } from '@kinetin/core/parent';
import {
  MAX_PROBE_BYTES,
  type ProbeAnswer,
  probeCommandLine,
  probeNodeArgs,
  readAnswer,
} from './probe.js';
import { clean } from './report.js';
import type { Patient, ReadyPatient } from './targets.js';

/** What is known of an attempt once it is over. Times are of `performance.now()`. */
export interface Examination {
  /** When each stage was entered. */
  readonly entered: ReadonlyMap<Stage, number>;
  readonly endedAt: number;
  /** When the shell answered. */
  readonly shellAt: number | undefined;
  readonly answer: ProbeAnswer;
  /** What the server said before the shell ran, and what came on standard error. */
  readonly notes: string[];
  /** As in `status 1`; undefined where the process was not seen to end. */
  readonly exit: string | undefined;
  /** Undefined where the host has answered. */
  readonly error: Error | undefined;
}

/** Characters of what the other side prints that are kept. */
const MAX_NOTES = 65_536;

/** More than the longest text that is looked for. */
const TAIL_BYTES = 64;

/** Rejects with the signal's reason; whatever else happens is in the result. Leaves nothing open. */
export async function examine(
  patient: ReadyPatient,
  wrap: (library: unknown) => unknown,
  signal: AbortSignal,
): Promise<Examination> {
  const trial = new Trial(patient, wrap);
  const done = trial.run(patient.target).catch((error: Error) => error);
  const error = await untilAborted(signal, done, (reason) => trial.end(reason as Error));
  signal.throwIfAborted();
  return trial.result(error || undefined);
}

class Trial implements Attempt {
  readonly commandLine: string;
  readonly nodeArgs: readonly string[];
  readonly #marker = newMarker();
  readonly #entered = new Map<Stage, number>();
  readonly #patient: Patient;
  readonly #wrap: (library: unknown) => unknown;
  #stage: Stage = 'resolve';
  #total: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #cancels: (() => void)[] = [];
  #isOver = false;
  #reject!: (reason: Error) => void;
  readonly #failed: Promise<never>;
  readonly #output: Buffer[] = [];
  #outputBytes = 0;
  /** The last bytes of the output: what is looked for may come in two pieces. */
  #tail = Buffer.alloc(0);
  #notes = '';
  #shellAt: number | undefined;
  #exit: string | undefined;

  constructor(patient: Patient, wrap: (library: unknown) => unknown) {
    this.#patient = patient;
    this.#wrap = wrap;
    this.commandLine = probeCommandLine(this.#marker, patient.options.node);
    this.nodeArgs = probeNodeArgs(this.#marker);
    this.#failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#failed.catch(() => {}); // Nobody may be racing at the moment of the failure.
  }

  enter(stage: Stage): void {
    if (this.#isOver) return;
    const { timeoutMs, stageTimeoutsMs } = this.#patient.options;
    this.#stage = stage;
    if (!this.#entered.has(stage)) this.#entered.set(stage, performance.now());
    this.#total ??= setTimeout(() => this.#timeOut(timeoutMs), timeoutMs);
    clearTimeout(this.#timer);
    const limit = stageTimeoutsMs[stage];
    if (limit) this.#timer = setTimeout(() => this.#timeOut(limit), limit);
  }

  note(text: string): void {
    this.#notes = (this.#notes + text).slice(-MAX_NOTES);
  }

  onCancel(callback: () => void): void {
    if (this.#isOver) callback();
    else this.#cancels.push(callback);
  }

  async vendor(name: 'ssh2'): Promise<unknown> {
    return this.#wrap((await import(name)).default);
  }

  /** Ends what is open; `reason` is what `run` rejects with, if it still runs. Idempotent. */
  end(reason: Error): void {
    this.#reject(reason);
    this.#isOver = true;
    clearTimeout(this.#total);
    clearTimeout(this.#timer);
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  /** Resolves when the host has answered, or what was started has ended. */
  async run(target: unknown): Promise<undefined> {
    try {
      const opening = this.#patient.open(target, this);
      opening.then(
        (late) => this.#isOver && late.destroy(),
        () => {}, // Told of below, unless the attempt has ended before.
      );
      const pipe = await Promise.race([opening, this.#failed]);
      this.onCancel(() => pipe.destroy());
      await Promise.race([this.#read(pipe), this.#failed]);
      return undefined;
    } finally {
      this.end(new Error('the attempt is over'));
    }
  }

  result(error: Error | undefined): Examination {
    const lines = this.#notes.split(/\r?\n/).filter((line) => line.trim() !== '');
    return {
      entered: this.#entered,
      endedAt: performance.now(),
      shellAt: this.#shellAt,
      answer: readAnswer(Buffer.concat(this.#output), this.#marker),
      notes: lines.map(clean),
      exit: this.#exit,
      error: error && sane(error, this.#stage),
    };
  }

  #read(pipe: Pipe): Promise<void> {
    // Errors of a pipe show as its end.
    for (const end of [pipe.input, pipe.output]) end.on('error', () => {});
    for (const stream of pipe.diagnostics) {
      stream.on('data', (chunk: Buffer) => this.note(chunk.toString()));
    }
    return new Promise((resolve, reject) => {
      pipe.output.on('data', (chunk: Buffer) => {
        this.#output.push(chunk);
        this.#outputBytes += chunk.length;
        const fresh = Buffer.concat([this.#tail, chunk]);
        this.#tail = fresh.subarray(-TAIL_BYTES);
        if (this.#shellAt === undefined && fresh.includes(`${this.#marker} shell`)) {
          this.#shellAt = performance.now();
          this.enter('node');
        }
        if (fresh.includes(`${this.#marker} end`)) resolve();
        else if (this.#outputBytes > MAX_PROBE_BYTES) reject(tooMuch());
      });
      pipe.exit.then((exit) => {
        this.#exit = exit.signal ? exit.signal : `status ${exit.code ?? 'unknown'}`;
        reject(new ConnectError('ERR_HANDSHAKE', `the command ended with ${this.#exit}`));
      });
    });
  }

  #timeOut(limitMs: number): void {
    const message = `could not connect: stage "${this.#stage}" was not finished after ${limitMs} ms`;
    this.end(new ConnectError('ERR_CONNECT_TIMEOUT', message, { stage: this.#stage }));
  }
}

function tooMuch(): ConnectError {
  const message = `${MAX_PROBE_BYTES} bytes were printed, and the command has not answered`;
  return new ConnectError('ERR_HANDSHAKE', message);
}

/** With a stage and a text that is fit for people. */
function sane(error: Error, stage: Stage): Error {
  const { stage: own } = error as ConnectError;
  error.message = clean(error.message);
  return Object.assign(error, { stage: own ?? stage });
}
