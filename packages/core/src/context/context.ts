/**
 * A context as those see it who call functions in it, wherever they are.
 */

import { Caller } from '../calls/caller.js';
import { Calls } from '../calls/calls.js';
import type { Callee, CallHost } from '../calls/host.js';
import type { Endpoint } from '../calls/sendable.js';

/**
 * A process in the tree. Its functions start in the order in which they were called; asynchronous
 * ones overlap, as they would locally.
 */
export class Context extends Calls<Context> implements Endpoint {
  /** Unique in the tree, never used again. */
  readonly id: number;
  /** Its place in the tree, as in `bastion.web1`. */
  readonly name: string;

  /** For Kinetin's own use. */
  readonly caller: Caller;

  /** For Kinetin's own use. */
  constructor(host: CallHost, callee: Callee) {
    super();
    this.id = callee.id;
    this.name = callee.name;
    this.caller = new Caller(host, callee);
  }

  get endpoint(): 'context' {
    return 'context';
  }

  /** For Kinetin's own use. */
  get origin(): this {
    return this;
  }
}
