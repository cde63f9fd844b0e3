/**
 * What a context says of the calls in it. Plain values: it travels.
 */

/**
 * What the work thread does. `none`: there is none, calls run on the main thread; `absent`: none has
 * started; `idle`: it waits for events; `busy`: it runs, and its events have their turn; `blocked`: it
 * runs one function and nothing else.
 */
export type ThreadState = 'none' | 'absent' | 'idle' | 'busy' | 'blocked';

export interface CallsReport {
  thread: ThreadState;
  /** Where the thread was found: lines as in `error.stack`; empty where no JavaScript was found. */
  stack: string[];
  /** Calls that it owes an answer: caller's context, reply handle, and whether it is held back. */
  calls: [source: number, replyHandle: number, isHeld: boolean][];
}
