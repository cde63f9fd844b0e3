/**
 * The ids of all contexts: counted from 1, in blocks, and never given out twice. 0 is the master.
 */

import { KinetinError, limits } from '@kinetin/core';
import type { IdBlock } from '@kinetin/core/parent';

/** One beyond the last id; that one is kept for none. */
const END = 0xffffffff;

export class IdSource {
  #end = 1;
  #own: IdBlock = { next: 0, end: 0 };

  /** A block for contexts that other contexts start. */
  takeBlock(): IdBlock {
    const next = this.#end;
    if (next + limits.ID_BLOCK > END) {
      throw new KinetinError(
        'KinetinError',
        'ERR_TOO_MANY_CONTEXTS',
        `no id is left for another context: ${next} have been given out; start a new router`,
      );
    }
    this.#end += limits.ID_BLOCK;
    return { next, end: this.#end };
  }

  /** The id that `take` returns next. */
  get next(): number {
    if (this.#own.next === this.#own.end) this.#own = this.takeBlock();
    return this.#own.next;
  }

  /** An id for a context that the program starts. */
  take(): number {
    const id = this.next;
    this.#own.next++;
    return id;
  }
}
