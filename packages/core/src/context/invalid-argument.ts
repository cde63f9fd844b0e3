/** A mistake in what a user has passed in: found at the public edge, before anything is done. */

/** `message` reads "what is wrong: why; what to do". */
export function invalidArgument(message: string, cause?: unknown): TypeError & { code: string } {
  const error = new TypeError(message);
  if (cause !== undefined) {
    Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  }
  return Object.assign(error, { code: 'ERR_INVALID_ARG' });
}
