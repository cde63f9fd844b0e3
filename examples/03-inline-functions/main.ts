/** Functions written where they are called: what they may use, and what their errors look like. */
import { createHash } from 'node:crypto';
import { withRouter } from '@kinetin/master';

const ALGORITHM = 'sha256';

await withRouter(async (router) => {
  const child = router.local({ name: 'child' });

  // Imports and top-level declarations of this file travel along; arguments are passed by value.
  const digest = await child.call(
    (text: string) => createHash(ALGORITHM).update(text).digest('hex').slice(0, 8),
    'kinetin',
  );
  console.log(digest);

  // The stack of an error names the line here, although the function ran there.
  const failure = await child
    .call((reason: string) => {
      throw new Error(`gave up: ${reason}`);
    }, 'no disk')
    .catch((error: Error) => error);
  console.log(failure.message, 'at', /main\.ts:\d+/.exec(failure.stack ?? '')?.[0]);

  // A variable of an enclosing function cannot travel. The error comes before anything is sent.
  const secret = 'only here';
  const refusal = await child.call(() => secret).catch((error: { code: string }) => error.code);
  console.log(refusal);
});
