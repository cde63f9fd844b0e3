/**
 * Pushed: part of the `context` bundle.
 *
 * Senders and channels that leave with a message: what becomes of them where nobody gets it.
 */

/** One of them. One of the two is called at most once, or none. */
export interface Gift {
  /** The message has not left: it can be given again. */
  takeBack(): void;
  /** The message reached nobody: nobody will come for it. */
  fail(error: unknown): void;
}

/** What there is in most messages. Stays empty. */
const NONE: Gift[] = [];

/** Those of the message that is being encoded; undefined where nobody asks. */
let gifts: Gift[] | undefined;

/** Notes what leaves with the message that is being encoded, if anybody asks for that. */
export function give(gift: Gift): void {
  gifts = gifts?.concat(gift);
}

/**
 * To be called before a message is encoded, with {@link endGiving} after that, whatever happens, which
 * wants what this returns: a getter in the message may send another one.
 */
export function startGiving(): Gift[] | undefined {
  const outer = gifts;
  gifts = NONE;
  return outer;
}

/** What leaves with the message. */
export function endGiving(outer: Gift[] | undefined): Gift[] {
  const given = gifts as Gift[];
  gifts = outer;
  return given;
}

/** The message has not left. */
export function takeBack(given: Gift[]): void {
  for (const gift of given.splice(0)) gift.takeBack();
}
