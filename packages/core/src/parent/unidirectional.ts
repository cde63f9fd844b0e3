/**
 * Pushed: part of the `parent` bundle, in contexts that start children; master has it too.
 *
 * Children that may talk only to those above and below them. Their parent sees to it, for all that
 * comes from below them, too; and what they start is held to the same.
 */

import type { Guard, Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';

const isolated: WeakSet<Stream> = new WeakSet();

/** Holds the child at the other end of `stream` to it. */
export function isolate(router: Router, stream: Stream): void {
  isolated.add(stream);
  router.guard = guardOf(router);
}

const guardOf =
  ({ id, parentIds }: Router): Guard =>
  (source, destination, from, to) => {
    const isOutside = (other: number) => other !== id && !parentIds.includes(other);
    const isStray =
      (isolated.has(from) && isOutside(destination)) ||
      (to !== undefined && isolated.has(to) && isOutside(source));
    return isStray
      ? ['ERR_REFUSED', `context ${source} may not talk to context ${destination}: unidirectional`]
      : undefined;
  };
