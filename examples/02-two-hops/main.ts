/** A context that starts another: `via` works with every method, to any depth. */
import { withRouter } from '@kinetin/master';

function processIds(): { own: number; parent: number } {
  return { own: process.pid, parent: process.ppid };
}

await withRouter(async (router) => {
  const first = router.local({ name: 'first' });
  const second = router.local({ name: 'second', via: first });
  const [a, b] = await Promise.all([first.call(processIds), second.call(processIds)]);
  console.log(`first is a child of this program: ${a.parent === process.pid}`);
  console.log(`second is a child of first: ${b.parent === a.own}`);
});
