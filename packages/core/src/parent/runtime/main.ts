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

type Above = typeof above;
type WithChild<F> = F extends (...args: infer Args) => infer Result
  ? (child: Child, ...args: Args) => Result
  : never;

export const runtimeMoves: WithChild<Above['runtimeMoves']> = (_, ...args) =>
  above.runtimeMoves(...args);
export const refuseRuntime: WithChild<Above['refuseRuntime']> = (_, ...args) =>
  above.refuseRuntime(...args);
export const offerRuntime: WithChild<Above['offerRuntime']> = (_, ...args) =>
  above.offerRuntime(...args);
export const takePiece: WithChild<Above['takePiece']> = (_, ...args) => above.takePiece(...args);
