/** Services: the program's, asked by contexts; and one in a context, called by its siblings. */
import { type Context, thisContext, withRouter } from '@kinetin/master';
import { Stock } from './stock.js';
import { Tally } from './tally.js';

/** Takes parts of the program's stock, and tells a sibling how many. */
async function build(counter: Context, wanted: number): Promise<string> {
  const { name, router } = thisContext();
  const stock = router.master.service<typeof Stock>('stock');
  const taken = await stock.take('bolt', wanted);
  await counter.service<typeof Tally>('tally').add(taken);
  return `${name} wanted ${wanted}, got ${taken}`;
}

/** What only those above may call. */
const closeStock = () => thisContext().router.master.service<typeof Stock>('stock').close();

await withRouter(async (router) => {
  router.serve(new Stock(new Map([['bolt', 10]])));
  const [one, two] = ['one', 'two'].map((name) => router.local({ name }));
  const counter = await router.local({ name: 'counter' });

  // The first call from above starts the service there.
  const tally = counter.service(Tally);
  await tally.add(0);

  for (const worker of [one!, two!]) console.log(await worker.call(build, counter, 7));
  console.log(await tally.total(), 'in all');

  const refusal = await one!.call(closeStock).catch((error: { code: string }) => error.code);
  console.log(refusal);

  // Checked before the method runs: the types cannot help a caller that does not have them.
  const untyped = tally as unknown as { add(count: string): Promise<number> };
  console.log(await untyped.add('7').catch((error: Error) => error.message));
});
