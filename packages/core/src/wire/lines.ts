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
