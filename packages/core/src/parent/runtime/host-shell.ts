/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * A conversation with the shell of the first stage: lines to it, answers of it, bytes between.
 */

import type { Writable } from 'node:stream';
import { RESYNC } from './host-script.js';

/** Answers that nobody has asked for yet; a host that gives more is not listened to. */
const MAX_ANSWERS = 64;
/** One write: each that has left counts as progress. */
const WRITE_BYTES = 65536;

export class HostShell {
  private _answers: string[][] = [];
  private _waiting: { resolve(answer: string[]): void; reject(reason: unknown): void } | undefined;
  private _ended: { reason: unknown } | undefined;

  constructor(
    private _marker: string,
    private _input: Writable,
    /** Something has moved. */
    private _onProgress: () => void,
  ) {}

  /** Has a line carried out, whatever was sent before it. */
  run(line: string): void {
    this._input.write(`${RESYNC}${this._marker} ${line}\n`);
  }

  /** The words of the next answer. One caller at a time. Rejects when the conversation ends. */
  next(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const answer = this._answers.shift();
      if (answer) resolve(answer);
      else if (this._ended) reject(this._ended.reason);
      else this._waiting = { resolve, reject };
    });
  }

  /** Sends bytes that the line before them asks for; stops where an answer comes before their end. */
  async send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this._answers.length; at += WRITE_BYTES) {
      await new Promise<void>((resolve, reject) => {
        if (this._ended) return reject(this._ended.reason);
        // What went wrong shows as the end of the process, which is told with more.
        this._input.write(bytes.slice(at, at + WRITE_BYTES), () => resolve());
      });
      this._onProgress();
    }
  }

  /** An answer has come. One that nobody will want is no progress: or it could go on for ever. */
  answer(words: string[]): void {
    if (this._ended || this._answers.length >= MAX_ANSWERS) return;
    this._onProgress();
    const waiting = this._waiting;
    this._waiting = undefined;
    if (waiting) waiting.resolve(words);
    else this._answers.push(words);
  }

  /** The conversation is over: what waits, and what would wait, rejects. */
  end(reason: unknown): void {
    this._ended = this._ended || { reason };
    if (this._waiting) this._waiting.reject(reason);
    this._waiting = undefined;
  }
}
