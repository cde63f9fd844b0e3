/**
 * Pushed: part of the `context` bundle.
 *
 * What a context has of what a program has in its Router.
 */

import type { Workplace } from '../runtime/work-thread.js';
import type { Endpoints } from '../wire/endpoints.js';
import type { Context } from './context.js';
import type { Contexts } from './contexts.js';

/** What code in a context does things with: its own end of the tree. */
export class ContextRouter {
  /** For Kinetin's own use. */
  constructor(
    readonly workplace: Workplace,
    readonly endpoints: Endpoints,
    readonly contexts: Contexts,
  ) {}

  /** The context that started this one; it may be the master. */
  get parent(): Context {
    const [id = 0] = this.workplace.config.parentIds;
    return this.contexts.find(id, id === 0 ? 'master' : `context ${id}`);
  }
}
