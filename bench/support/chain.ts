/** Local contexts, each a child of the one before. */

import type { Context, ContextOptions, Router } from '@kinetin/master';

export interface Chain extends AsyncDisposable {
  readonly first: Context;
  readonly last: Context;
}

export async function chain(
  router: Router,
  hops: number,
  options: ContextOptions = {},
): Promise<Chain> {
  const first = await router.local(options);
  let last = first;
  for (let hop = 1; hop < hops; hop++) last = await router.local({ ...options, via: last });
  return { first, last, [Symbol.asyncDispose]: () => first.shutdown() };
}
