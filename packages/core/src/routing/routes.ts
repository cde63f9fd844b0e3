/**
 * Pushed: part of the core, in every context.
 *
 * How routes come and go: what a context does when it hears that another context is there, or gone.
 * Those above are believed; a child may say only that what is behind it is gone.
 */

import { ADD_ROUTE, DEL_ROUTE } from '../wire/handles.js';
import type { Message } from './message.js';
import type { Router } from './router.js';
import type { Stream } from './stream.js';

/** Characters of a reason that are handed on. */
const MAX_REASON = 1000;

/** Whether a message comes from the neighbour itself that its stream leads to. */
export const isNeighbour = (message: Message, from: Stream | undefined): boolean =>
  from !== undefined && message.source === from.peer;

/** Listens for news of routes. */
export function listenForRoutes(router: Router): void {
  router.listen(
    {
      policy: router.isAbove,
      onMessage: (message) => {
        const [id, via] = router.decode(message) as [number, number];
        const stream = router.routes.get(via);
        if (via === router.id) router.addStream('child', id);
        else if (stream) router.addRoute(id, stream);
      },
    },
    ADD_ROUTE,
  );
  router.listen(
    {
      policy: isNeighbour,
      onMessage: (message, from) => {
        const [id, said] = router.decode(message) as [number, unknown];
        const reason = typeof said === 'string' ? said.slice(0, MAX_REASON) : 'no reason';
        const isBehind = router.routes.get(id) === from;
        if (from?.side === 'parent' || isBehind) router.removeRoute(id, reason, from);
      },
    },
    DEL_ROUTE,
  );
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
