/**
 * Pushed: part of the core, in every context.
 *
 * Owns the connections of a context and ends them in order: children first, asked to end and given
 * time, then without asking.
 */

import { SHUTDOWN } from '../wire/handles.js';
import type { Router } from './router.js';

export class Broker {
  private _ending: Promise<void> | undefined;
  /** Ends what a child's stream runs over, when asking has not helped. */
  private _kills: Map<number, () => void> = new Map();

  constructor(private _router: Router) {}

  /** Registers how to end the child `id` by force. Forgotten when its stream ends. */
  own(id: number, kill: () => void): void {
    this._kills.set(id, kill);
  }

  /** To be called when the stream of a child has ended: nothing of it is to stay. */
  release(id: number): void {
    const kill = this._kills.get(id);
    this._kills.delete(id);
    kill?.();
  }

  /**
   * Ends all children. Resolves when all have ended; after `graceMs` they are ended by force.
   * Idempotent: the first call counts.
   */
  shutdown(graceMs: number): Promise<void> {
    if (!this._ending) this._ending = this._shutdown(graceMs);
    return this._ending;
  }

  private _shutdown(graceMs: number): Promise<void> {
    const router = this._router;
    const children = () => [...router.streams].filter((stream) => stream.side === 'child');
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const child of children()) child.close('it did not shut down in time');
      }, graceMs);
      const previous = router.onStreamClosed;
      const check = () => {
        if (children().length > 0) return;
        clearTimeout(timer);
        router.onStreamClosed = previous;
        resolve();
      };
      router.onStreamClosed = (stream, reason) => {
        previous(stream, reason);
        check();
      };
      for (const child of children()) router.sendTo(child, SHUTDOWN, undefined);
      check();
    });
  }
}
