/**
 * Work that somebody may give up, and that says itself how it has ended.
 */

/** Settles as `done` does; `cancel` learns the signal's reason when it is aborted before that. */
export async function untilAborted<Value>(
  signal: AbortSignal,
  done: Promise<Value>,
  cancel: (reason: unknown) => void,
): Promise<Value> {
  const abort = () => cancel(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await done;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
