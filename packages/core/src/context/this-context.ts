/**
 * The context that code runs in.
 */

import type { CallHost } from '../calls/host.js';
import { KinetinError } from '../errors.js';
import { Context, type ContextDescription } from './context.js';
import type { ContextRouter } from './context-router.js';

/** The context that code runs in, as that code has it. */
export class ThisContext extends Context {
  /** Its end of the tree. */
  readonly router: ContextRouter;

  /** For Kinetin's own use. */
  constructor(host: CallHost, description: ContextDescription, router: ContextRouter) {
    super(host, description);
    this.router = router;
  }
}

/**
 * The context that the code runs in: for functions that run elsewhere. This is the one of the master;
 * the `context` bundle has another.
 *
 * @throws {@link KinetinError} ERR_NOT_IN_CONTEXT in the master, which is none.
 */
export function thisContext(): ThisContext {
  throw new KinetinError(
    'KinetinError',
    'ERR_NOT_IN_CONTEXT',
    'there is no context here: this is the master; call thisContext in a function that runs elsewhere',
  );
}
