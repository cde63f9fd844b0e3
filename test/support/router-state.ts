/** What a router of the core holds at a moment, by kind: for tests that look for leaks. */

import type { Router } from '../../packages/core/src/routing/router.js';

export interface RouterState {
  /** Handles that wait for an answer from somebody. */
  pending: number;
  /** All handles that somebody listens on. */
  listeners: number;
  streams: number;
  routes: number;
  /** Destinations that neighbours have sent to. */
  sentTo: number;
  /** Sources of which a large message is unfinished here. */
  unfinished: number;
  /** Lanes of large messages that wait, and destinations that some are under way to. */
  lanes: number;
  underWay: number;
}

/** The private parts that are counted. */
interface Inside {
  listening: Map<number, { respondent?: number }>;
  _inbox: { _partials: Map<number, unknown> };
  _outbox: { _lanes: Map<string, unknown>; _underWay: Map<number, number> };
}

export function stateOf(router: Router): RouterState {
  const { listening, _inbox, _outbox } = router as unknown as Inside;
  const streams = [...router.streams];
  return {
    pending: [...listening.values()].filter(({ respondent }) => respondent !== undefined).length,
    listeners: listening.size,
    streams: streams.length,
    routes: router.routes.size,
    sentTo: streams.reduce((sum, { sentTo }) => sum + sentTo.size, 0),
    unfinished: _inbox._partials.size,
    lanes: _outbox._lanes.size,
    underWay: [..._outbox._underWay.values()].filter((count) => count !== 0).length,
  };
}
