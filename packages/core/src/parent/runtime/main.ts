/**
 * Pushed: the entry of the `runtime` bundle, in contexts that start children on hosts without Node,
 * and in those that are to forget what was stored.
 */

import type { Child } from '../../runtime/child.js';
import { type Forgotten, forgetRuntime as forget } from './forget.js';

export { type GetRuntime, type Push, type PushHost, pushRuntime } from './push.js';
export type { Forgotten };

/** Called through CALL_MAIN. */
export const forgetRuntime = (_: Child): Forgotten => forget();
