/**
 * Pushed: part of the `thread` bundle, where user code runs.
 *
 * What user code prints, as log records.
 */

import type { Log } from '../runtime/log.js';
import { DEBUG, ERROR, INFO, WARN } from '../wire/levels.js';
import { LineSplitter } from '../wire/lines.js';

const LEVELS = { debug: DEBUG, warn: WARN, error: ERROR, trace: ERROR, assert: ERROR };

/**
 * Turns what this thread prints through `console`, `process.stdout` and `process.stderr` into log
 * records, and calls `flush` after each. Returns what sends the lines that have no newline yet.
 */
export function captureOutput(log: Log, flush: () => void): () => void {
  let level = 0;
  const streams: [NodeJS.WriteStream, number][] = [
    [process.stdout, INFO],
    [process.stderr, ERROR],
  ];
  const flushes = streams.map(([stream, usual]) => {
    const lines = new LineSplitter((line) => log(level || usual, line));
    stream.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      lines.push(chunk);
      // What is said before a function blocks is to be heard.
      flush();
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
      const outer = level;
      // Some are made of others.
      level = outer || LEVELS[method];
      try {
        original.apply(console, args);
      } finally {
        level = outer;
      }
    };
  }
  return () => {
    for (const flush of flushes) flush();
  };
}
