/**
 * Pushed: part of the core, in every context.
 *
 * Log records on their way to the master, and what user code prints as log records.
 */

import { StringDecoder } from 'node:string_decoder';
import type { Router } from '../routing/router.js';
import { LOG } from '../wire/handles.js';
import { MAX_LOG_LINE } from '../wire/limits.js';

export const DEBUG = 10;
export const INFO = 20;
export const WARN = 30;
export const ERROR = 40;

/** Sends a record about context `id` to the master. */
export type Log = (level: number, text: string, id?: number) => void;

/** Records below `minimum` are dropped here and never cross the wire. */
export function makeLog(router: Router, minimum: number): Log {
  return (level, text, id = router.id) => {
    if (level >= minimum) router.post(0, LOG, [id, level, text]);
  };
}

/** Cuts text into lines; a line longer than MAX_LOG_LINE becomes several. */
export class LineSplitter {
  private _rest = '';
  private _decoder = new StringDecoder();

  constructor(private _onLine: (line: string) => void) {}

  push(chunk: string | Uint8Array): void {
    const text = typeof chunk === 'string' ? chunk : this._decoder.write(Buffer.from(chunk));
    const lines = (this._rest + text).split(/\r?\n/);
    this._rest = lines.pop() as string;
    for (const line of lines) this._emit(line);
    if (this._rest.length > MAX_LOG_LINE) this.flush();
  }

  /** Emits what has no newline yet. */
  flush(): void {
    const rest = this._rest;
    this._rest = '';
    if (rest) this._emit(rest);
  }

  private _emit(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += MAX_LOG_LINE) {
      this._onLine(line.slice(at, at + MAX_LOG_LINE));
    }
  }
}

const LEVELS = { debug: DEBUG, warn: WARN, error: ERROR, trace: ERROR, assert: ERROR };

/**
 * Turns what this thread prints through `console`, `process.stdout` and `process.stderr` into log
 * records. Returns what sends the lines that have no newline yet.
 */
export function captureOutput(log: Log): () => void {
  let level = 0;
  const streams: [NodeJS.WriteStream, number][] = [
    [process.stdout, INFO],
    [process.stderr, ERROR],
  ];
  const flushes = streams.map(([stream, usual]) => {
    const lines = new LineSplitter((line) => log(level || usual, line));
    stream.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      lines.push(chunk);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done);
      return true;
    }) as typeof stream.write;
    return () => lines.flush();
  });
  // The usual methods stay in charge of formats and indentation; only the level is remembered.
  for (const method of Object.keys(LEVELS) as (keyof typeof LEVELS)[]) {
    const original = console[method] as (...args: unknown[]) => void;
    console[method] = (...args: unknown[]) => {
      level = LEVELS[method];
      try {
        original.apply(console, args);
      } finally {
        level = 0;
      }
    };
  }
  return () => {
    for (const flush of flushes) flush();
  };
}
