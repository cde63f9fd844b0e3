/**
 * Pushed: the entry of the `runtime` bundle, in contexts that start children on hosts without Node,
 * and in those that are to forget what was stored.
 */

import type { Child } from '../../runtime/child.js';
import { type Forgotten, forgetRuntime as forget } from './forget.js';
import * as above from './from-above.js';

export type { FileNews } from './from-above.js';
export { getPiece, hashFile, PIECE_BYTES, usePieces } from './pieces.js';
export { type Push, type PushHost, pushRuntime } from './push.js';
export type { Forgotten };

// Called through CALL_MAIN.

export const forgetRuntime = (_: Child): Forgotten => forget();

const forChild =
  <Args extends unknown[], Result>(run: (...args: Args) => Result) =>
  (_: Child, ...args: Args): Result =>
    run(...args);

export const runtimeMoves = forChild(above.runtimeMoves);
export const refuseRuntime = forChild(above.refuseRuntime);
export const offerRuntime = forChild(above.offerRuntime);
export const takePiece = forChild(above.takePiece);
