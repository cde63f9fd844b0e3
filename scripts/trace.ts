/**
 * Runs a program and prints the frames that its master and all its contexts send and receive:
 * `npm run trace -- examples/01-hello/main.ts`. What it pushes is built for that, apart from what other
 * programs push. The exit status is the program's.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './files.js';

const program = process.argv.slice(2);
if (program.length === 0) {
  console.error('usage: npm run trace -- PROGRAM [ARGUMENT ...]');
  process.exit(2);
}
run('--import', 'tsx', join(root, 'scripts/build-pushed.ts'), '--trace');
process.env.DEBUG = [process.env.DEBUG, 'kinetin:frames'].filter(Boolean).join();
// Under this condition the traced artefacts have the names of the pushed ones: see core/package.json.
run('--conditions=kinetin-trace', '--import', 'tsx', ...program);

/** Runs Node to its end; where that is a failure, it is the end of this program, too. */
function run(...args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
