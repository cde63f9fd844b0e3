/**
 * Log records of the contexts, as they arrive at the master.
 */

import { printable } from '@kinetin/core';

/** A record. */
export interface LogRecord {
  /** Name of the context that it is about, as in `bastion.web1`. */
  readonly context: string;
  readonly level: LogLevel;
  /** One line. May hold anything that the other side has printed, control characters included. */
  readonly text: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes records. Must not throw. */
export type LogSink = (record: LogRecord) => void;

/** The levels as they travel. */
export const LEVELS: Readonly<Record<LogLevel, number>> = {
  debug: 10,
  info: 20,
  warn: 30,
  error: 40,
};

/** The level that a number stands for; numbers between levels count as the lower one. */
export function levelOf(value: number): LogLevel {
  const names = Object.keys(LEVELS) as LogLevel[];
  return names.filter((name) => LEVELS[name] <= value).pop() ?? 'debug';
}

/** Writes one line per record to standard error: `bastion.web1: text`. */
export const printRecord: LogSink = ({ context, text }) => {
  process.stderr.write(`${printable(`${context}: ${text}`)}\n`);
};
