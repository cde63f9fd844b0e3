/**
 * Pushed: the entry of the `thread` bundle, which every context gets that runs user code, right
 * behind the core. What user code finds there that plain Node has not, or has otherwise; and what the
 * main thread does for it.
 */

import { isMainThread } from 'node:worker_threads';
import type { Stream } from '../routing/stream.js';
import type { Workplace } from '../runtime/work-thread.js';
import { Endpoints } from '../wire/endpoints.js';
import { ERROR } from '../wire/levels.js';
import { installContext } from './context.js';
import { installGenerators } from './generators.js';
import { joinOthers } from './one-of-several.js';
import { captureOutput } from './output.js';
import { flushWithin } from './pressure.js';
import { installProcess } from './process.js';
import { installSignals } from './signals.js';

export { cancel, serve } from './host.js';

/** Makes this thread ready for user code. Called once, before the first call starts. */
export function install(workplace: Workplace): void {
  const { router, dispatcher, log } = workplace;
  const endpoints = new Endpoints();
  router.codec = endpoints;
  const upstream = router.upstream as Stream;
  const flush = isMainThread ? () => upstream.flush() : flushWithin(upstream);
  dispatcher.onDone = captureOutput(log, flush);
  installSignals(router, dispatcher, endpoints);
  installGenerators(router, dispatcher, endpoints);
  installContext(workplace, endpoints);
  if (!isMainThread) {
    installProcess();
    joinOthers(workplace);
  }
  // User code that fails outside of any call must not take the context with it.
  process.on('uncaughtException', (error) => log(ERROR, `uncaught: ${error?.stack}`));
  process.on('unhandledRejection', (error) =>
    log(ERROR, `unhandled rejection: ${(error as Error | undefined)?.stack || error}`),
  );
}
