/**
 * Pushed: part of the `context` bundle.
 *
 * What a work thread has called when it ends: those contexts are told that nobody waits any more.
 */

import { DeadLetterError } from '../errors.js';
import type { Router } from '../routing/router.js';
import { encodeFrame, HEADER_BYTES } from '../wire/frame.js';
import { CANCEL, THREAD_SHIFT } from '../wire/handles.js';

export class Orphans {
  /** By context: what its frame is left under, a handle that nobody else has. */
  private _keys: Map<number, number> = new Map();

  /** `leave`: see {@link InstallContext}. */
  constructor(
    private _core: Router,
    private _leave: ((key: number, frame?: Uint8Array) => void) | undefined,
  ) {}

  /** Something is called in context `id`. */
  add(id: number): void {
    if (!this._leave || this._keys.has(id)) return;
    const key = this._core.listen({ onMessage() {} });
    this._keys.set(id, key);
    // Of this thread alone: the others of its context go on.
    const thread = key - (key % (1 << THREAD_SHIFT));
    this._leave(key, this._frame(id, thread));
  }

  /** It is lost. */
  remove(id: number): void {
    const key = this._keys.get(id);
    if (key === undefined) return;
    this._keys.delete(id);
    this._core.unlisten(key);
    this._leave?.(key);
  }

  /** Gives up all calls of a thread in context `id` at once. */
  private _frame(destination: number, thread: number): Uint8Array {
    const { id } = this._core;
    const text = `the caller, a work thread of context ${id}, has ended`;
    const body = this._core.encode([thread, new DeadLetterError('ERR_THREAD_ENDED', text)]);
    const header = { destination, source: id, authority: id, handle: CANCEL, replyHandle: 0 };
    return encodeFrame({ ...header, flags: 0, number: 0 }, body.slice(HEADER_BYTES));
  }
}
