/**
 * Pushed: part of the `runtime` bundle, in contexts that start children; master has it too.
 *
 * What makes a program of a Node with its own libraries and loader: the shell script `node`, and what
 * it has Node run first, so that its children and threads find the same Node. No environment variable
 * is set: what Node starts sees nothing of it.
 */

/**
 * Also for paths with spaces; `$0` is the path that it was started by, which has a slash. `names`: the
 * files that it needs. Where one of them is gone or empty, as after a power cut or by a cleaner of old
 * files, it does not start, so that those who look for a Node pass over it.
 */
export const nodeScript = (names: string[]): string => `#!/bin/sh
d=\${0%/*}
for f in ${names.join(' ')}; do
  [ -s "$d/$f" ] || { echo "$d/$f is missing" >&2; exit 127; }
done
exec "$d/ld" --library-path "$d" "$d/node.bin" --require "$d/preload.js" "$@"
`;

/**
 * Runs before all else, in the main thread and in each worker. Removes itself from what `fork` hands on.
 * A worker that is given as text needs no file of the runtime to start: so the work thread of a
 * context can be replaced after the runtime was forgotten.
 */
export const PRELOAD = `'use strict';
function setUp(node, preload) {
  const threads = require('worker_threads');
  process.execPath = process.argv[0] = node;
  const at = process.execArgv.indexOf('--require');
  if (at >= 0 && require('path').resolve(process.execArgv[at + 1]) === preload) process.execArgv.splice(at, 2);
  const first = '(' + setUp + ')(' + JSON.stringify(node) + ',' + JSON.stringify(preload) + ');';
  const inherited = process.execArgv.includes('-e') ? [] : process.execArgv;
  threads.Worker = class Worker extends threads.Worker {
    constructor(file, options = {}) {
      const execArgv = options.execArgv || (threads.isMainThread ? undefined : inherited);
      const strict = /^[^a-z]*use strict/.test(file) ? '"use strict";' : '';
      if (options.eval) super(strict + first + file, options);
      else super(file, execArgv ? Object.assign({}, options, { execArgv: ['--require', preload].concat(execArgv) }) : options);
    }
  };
}
setUp(require('path').join(__dirname, 'node'), __filename);
`;
