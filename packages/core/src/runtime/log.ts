/**
 * Pushed: part of the core, in every context.
 *
 * Log records on their way to the master.
 */

import type { Router } from '../routing/router.js';
import { LOG } from '../wire/handles.js';

/** Sends a record about context `id` to the master. */
export type Log = (level: number, text: string, id?: number) => void;

/** Records below `minimum` are dropped here and never cross the wire. */
export function makeLog(router: Router, minimum: number): Log {
  return (level, text, id = router.id) => {
    if (level >= minimum) router.post(0, LOG, [id, level, text]);
  };
}
