/**
 * One call under way, which its caller may give up.
 */

export class PendingCall {
  #isGivenUp = false;
  #reason: unknown;
  #tell: ((reason: unknown) => void) | undefined;

  /** Throws the reason where it was given up already. */
  throwIfGivenUp(): void {
    if (this.#isGivenUp) throw this.#reason;
  }

  /** It has left: `tell` takes it back. */
  onSent(tell: (reason: unknown) => void): void {
    this.#tell = tell;
  }

  /** Nobody waits for the answer any more. */
  giveUp(reason: unknown): void {
    this.#isGivenUp = true;
    this.#reason = reason;
    this.#tell?.(reason);
  }
}
