/** A function of Node, called in another process as if it were here. */
import { hostname } from 'node:os';
import { withRouter } from '@kinetin/master';

await withRouter(async (router) => {
  const child = router.local();
  console.log(typeof (await child.call(hostname)));
});
