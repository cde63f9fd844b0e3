/**
 * What a router waits for: npm only, for those who ask.
 */

import type { Router } from './router.js';

/** A request without an answer yet. */
export interface PendingRequest {
  /** The context that was asked. */
  readonly destination: number;
  readonly replyHandle: number;
  /** As {@link Router.request} was told. */
  readonly about: unknown;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

export function pendingRequests(router: Router): PendingRequest[] {
  const requests: PendingRequest[] = [];
  for (const [replyHandle, { respondent, about, since }] of router.listening) {
    if (respondent === undefined || since === undefined) continue;
    requests.push({ destination: respondent, replyHandle, about, since });
  }
  return requests;
}
