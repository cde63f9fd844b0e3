/**
 * Not pushed, but in a build for traces (scripts/trace.ts).
 *
 * The frames of a child's main thread, as log records.
 */

import { type Trace, TracedRouter } from '../routing/traced-router.js';
import { describeFrame } from '../wire/describe.js';
import { LOG } from '../wire/handles.js';
import { DEBUG } from '../wire/levels.js';

/** Tells the master of each frame, whatever log level the program wants. */
export class ChildTracer extends TracedRouter {
  override onTrace: Trace = (direction, { side, peer }, frame) => {
    const neighbour = side === 'thread' ? side : `${side} ${peer}`;
    const text = `${direction} ${neighbour}: ${describeFrame(frame)}`;
    this.post(0, LOG, [this.id, DEBUG, text]);
  };
}
