/**
 * `thisContext` for the master; contexts have their own, in the `context` bundle.
 */

import { KinetinError } from '../errors.js';
import type { Context } from './context.js';

/**
 * The context that the code runs in: for functions that run elsewhere.
 *
 * @throws {@link KinetinError} ERR_NOT_IN_CONTEXT in the master, which is none.
 */
export function thisContext(): Context {
  throw new KinetinError(
    'KinetinError',
    'ERR_NOT_IN_CONTEXT',
    'there is no context here: this is the master; call thisContext in a function that runs elsewhere',
  );
}
