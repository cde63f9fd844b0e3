/**
 * Not pushed, but in a build for traces (scripts/trace.ts); the master has it too.
 *
 * A router that shows the frames which pass its streams. An ordinary one pays nothing for that.
 */

import { handleOf } from '../wire/frame.js';
import { LOG } from '../wire/handles.js';
import { Router } from './router.js';
import type { Side, Stream } from './stream.js';

/** Takes a frame that is sent `to` or has come `from` a neighbour. Must not change it, nor throw. */
export type Trace = (direction: 'to' | 'from', stream: Stream, frame: Buffer) => void;

export class TracedRouter extends Router {
  /** Told of all frames but those of log records: what it makes of them may leave as such. */
  onTrace: Trace = () => {};

  override addStream(side: Side, peer: number): Stream {
    const stream = super.addStream(side, peer);
    const { write } = stream;
    stream.write = (frame) => {
      const isTaken = write.call(stream, frame);
      if (isTaken) this._show('to', stream, frame);
      return isTaken;
    };
    return stream;
  }

  /** The frame is shown as it came: before it is checked, and its authority stamped. */
  protected override _receive(frame: Buffer, from: Stream): void {
    this._show('from', from, frame);
    super._receive(frame, from);
  }

  private _show(direction: 'to' | 'from', stream: Stream, frame: Buffer): void {
    if (handleOf(frame) !== LOG) this.onTrace(direction, stream, frame);
  }
}
