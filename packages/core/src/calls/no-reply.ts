/**
 * Calls without an answer: what would go unnoticed is refused before they leave.
 */

import { takeBack } from '../channels/gifts.js';
import { DeadLetterError, SerializeError } from '../errors.js';
import type { Router } from '../routing/router.js';
import type { EncodedCall } from './encode.js';
import type { Callee } from './host.js';

/** Throws a SerializeError or a DeadLetterError; then what was to leave can be given again. */
export function checkNoReply(
  core: Router,
  { id, name }: Callee,
  { signals, gifts }: EncodedCall,
): void {
  // A signal is known there by its call's reply handle, and this call has none.
  if (signals.length > 0) {
    takeBack(gifts);
    const why = 'a signal, in a call without reply; use call, or leave it out';
    throw new SerializeError(`args cannot travel: ${why}`, 'args');
  }
  // Without a reply handle nobody says so later. A context knows no more than the way up.
  if (!core.upstream && !core.routes.has(id)) {
    takeBack(gifts);
    throw new DeadLetterError('ERR_NO_ROUTE', `${name} is lost`);
  }
}
