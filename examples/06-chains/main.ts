/** Calls that build on each other: sent at once, run in order, stopped by the first that fails. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CallChain, type Context, withRouter } from '@kinetin/master';

/** Three calls, one round trip. */
async function deploy(context: Context, folder: string, version: string): Promise<string[]> {
  await using chain = new CallChain(context);
  await chain.callNoReply(process.chdir, folder);
  await chain.callNoReply(writeFileSync, 'version.txt', version);
  return await chain.call(readdirSync, '.');
}

await withRouter(
  async (router) => {
    const context = await router.local();
    const folder = await context.call(mkdtempSync, join(tmpdir(), 'kinetin-example-'));
    console.log('there is now', await deploy(context, folder, 'one'));
    try {
      await deploy(context, join(folder, 'missing'), 'two');
    } catch (error) {
      console.log('stopped by', (error as { code: string }).code);
    }
    // Nothing was written to where the process was before.
    console.log('still', await context.call(readFileSync, 'version.txt', 'utf8'));
    await context.call(rmSync, folder, { recursive: true });
  },
  // Without the lines of the stack.
  { onLog: ({ text }) => text.includes('failed') && console.log('log:', text) },
);
