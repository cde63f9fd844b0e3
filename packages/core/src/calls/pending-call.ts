/**
 * One call under way, which its caller may give up.
 */

export class PendingCall {
  private _isGivenUp = false;
  private _reason: unknown;
  private _tell: ((reason: unknown) => void) | undefined;

  /** Throws the reason where it was given up already. */
  throwIfGivenUp(): void {
    if (this._isGivenUp) throw this._reason;
  }

  /** It has left: `tell` takes it back. */
  onSent(tell: (reason: unknown) => void): void {
    this._tell = tell;
  }

  /** Nobody waits for the answer any more. */
  giveUp(reason: unknown): void {
    this._isGivenUp = true;
    this._reason = reason;
    this._tell?.(reason);
  }
}
