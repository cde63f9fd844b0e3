/**
 * Pushed: part of the core, in every context.
 *
 * How routes come and go: what a context does when a neighbour says that another context is there,
 * or gone. A child may speak only of what is behind it; a parent is believed.
 */

import { ADD_ROUTE, DEL_ROUTE } from '../wire/handles.js';
import type { Message } from './message.js';
import type { Router } from './router.js';
import type { Stream } from './stream.js';

/** Only neighbours may speak of routes. */
const isNeighbour = (message: Message, from: Stream | undefined): boolean =>
  from !== undefined && (from.side === 'parent' || message.source === from.peer);

/** Listens for news of routes. */
export function listenForRoutes(router: Router): void {
  router.listen(
    {
      policy: isNeighbour,
      onMessage: (message, from) => {
        const [id, via] = router.decode(message) as [number, number];
        if (from?.side === 'parent') return expect(router, id, via);
        if (from && router.addRoute(id, from) && router.upstream) {
          router.sendTo(router.upstream, ADD_ROUTE, [id, via]);
        }
      },
    },
    ADD_ROUTE,
  );
  router.listen(
    {
      policy: isNeighbour,
      onMessage: (message, from) => {
        const [id, reason] = router.decode(message) as [number, string];
        const isBehind = router.routes.get(id) === from;
        if (from?.side === 'parent' || isBehind) router.removeRoute(id, reason, from);
      },
    },
    DEL_ROUTE,
  );
}

/** A parent announces a context that is about to be started by `via`, which may be this one. */
function expect(router: Router, id: number, via: number): void {
  const stream = router.routes.get(via);
  if (via === router.id) router.addStream('child', id);
  else if (stream) router.addRoute(id, stream);
}

/**
 * Tells the hops down to `via` that context `id` will be behind it, so that messages to it can be
 * sent before it is connected.
 */
export function announceRoute(
  router: Router,
  hops: readonly number[],
  id: number,
  via: number,
): void {
  for (const hop of hops) router.post(hop, ADD_ROUTE, [id, via]);
}
