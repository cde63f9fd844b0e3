/** The error that `promise` rejects with; throws where it does not reject. */
export async function failure<Kind = Error & Record<string, unknown>>(
  promise: PromiseLike<unknown>,
): Promise<Kind> {
  try {
    await promise;
  } catch (error) {
    return error as Kind;
  }
  throw new Error('it did not fail');
}
