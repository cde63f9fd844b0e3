/**
 * Pushed: part of the core, in every context.
 *
 * Log records on their way to the master.
 */

import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { LOG } from '../wire/handles.js';
import { MAX_LOG_LINE, MAX_PENDING_BYTES } from '../wire/limits.js';

/**
 * Sends a record about context `id` to the master, one for each line. Never throws: of `text` no more
 * is sent than one record may hold.
 */
export type Log = (level: number, text: string, id?: number) => void;

/**
 * Records below `minimum` are dropped here and never cross the wire; others where the way up does not
 * take them any more, so that no memory is filled with them.
 */
export function makeLog(router: Router, minimum: number): Log {
  return (level, text, id = router.id) => {
    const { waitingBytes } = router.upstream as Stream;
    if (level < minimum || waitingBytes > MAX_PENDING_BYTES) return;
    for (const line of text.slice(0, MAX_LOG_LINE).split('\n'))
      router.post(0, LOG, [id, level, line]);
  };
}
