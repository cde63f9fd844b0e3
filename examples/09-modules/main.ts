/** What travels with a function, and what does not: native addons, data files, and what must stay here. */

import { type BundleOptions, withRouter } from '@kinetin/master';
import { crc32 } from '@node-rs/crc32';
import { password } from './secrets.js';
import { stage } from './stage.js';

/** Uses a native addon: it cannot travel, and has to be installed where the function runs. */
const checksum = (text: string) => crc32(text).toString(16);

/** The file travels with the function, as `loader` says. The program itself never imports it. */
const tables = async () => {
  const { default: schema } = await import('./schema.sql');
  return [...schema.matchAll(/create table (\w+)/g)].map(([, name]) => name);
};

const where = () => stage;
const open = () => password.length;

const bundle: BundleOptions = {
  external: ['@node-rs/crc32'],
  deny: [new URL('./secrets.ts', import.meta.url)],
  loader: { '.sql': 'text' },
  plugins: [
    {
      name: 'stage',
      setup(build) {
        // What contexts get in the place of `stage.ts`.
        build.onLoad({ filter: /stage\.ts$/ }, () => ({
          contents: 'export const stage = "live";',
        }));
      },
    },
  ],
};

await withRouter(
  async (router) => {
    const child = router.local({ name: 'child' });

    // The addon is found from the working directory there, which has what this project has installed.
    console.log(await child.call(checksum, 'kinetin'));
    console.log(await child.call(tables));
    console.log('here', where(), 'and there', await child.call(where));

    const refusal = await child.call(open).catch((error: { code: string }) => error.code);
    console.log(refusal);

    const elsewhere = router.local({ name: 'elsewhere' });
    await elsewhere.call(process.chdir, '/');
    const missing = await elsewhere
      .call(checksum, 'x')
      .catch((error: { code: string }) => error.code);
    console.log(missing);
  },
  { bundle },
);
