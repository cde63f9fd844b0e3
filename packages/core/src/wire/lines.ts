/**
 * Pushed: part of the core, in every context.
 *
 * Text that comes in pieces, as lines.
 */

import { StringDecoder } from 'node:string_decoder';
import { MAX_LOG_LINE } from './limits.js';

/** Cuts text into lines; a line longer than MAX_LOG_LINE becomes several. */
export class LineSplitter {
  private _rest = '';
  private _decoder = new StringDecoder();

  constructor(private _onLine: (line: string) => void) {}

  push(chunk: string | Uint8Array): void {
    const text = typeof chunk === 'string' ? chunk : this._decoder.write(Buffer.from(chunk));
    const lines = (this._rest + text).split(/\r?\n/);
    lines.forEach((line, i) => {
      this._rest = line;
      while (this._rest.length > MAX_LOG_LINE) {
        this._onLine(this._rest.slice(0, MAX_LOG_LINE));
        this._rest = this._rest.slice(MAX_LOG_LINE);
      }
      if (i < lines.length - 1) this._onLine(this._rest);
    });
  }

  /** Emits what has no newline yet. */
  flush(): void {
    const rest = this._rest;
    this._rest = '';
    if (rest) this._onLine(rest);
  }
}
