/**
 * Pushed: the entry of the `thread` bundle, which every context gets that runs user code, right
 * behind the core. What user code finds there that plain Node has not, or has otherwise; and what the
 * main thread does for it.
 */

import { isMainThread } from 'node:worker_threads';
import type { Message } from '../routing/message.js';
import type { Router } from '../routing/router.js';
import type { Stream } from '../routing/stream.js';
import { makeLog } from '../runtime/log.js';
import type { Install } from '../runtime/work-thread.js';
import { Endpoints } from '../wire/endpoints.js';
import { CALL, CANCEL, SERVICE } from '../wire/handles.js';
import { ERROR } from '../wire/levels.js';
import { installContext } from './context.js';
import { Dispatcher } from './dispatcher.js';
import { installGenerators } from './generators.js';
import { joinOthers } from './one-of-several.js';
import { captureOutput } from './output.js';
import { flushWithin } from './pressure.js';
import { installProcess } from './process.js';
import { installSignals } from './signals.js';

export { cancel, serve } from './host.js';

/** Makes this thread ready for user code. Called once, before the first call starts. */
export const install: Install = (router, config, loader) => {
  const log = makeLog(router, config.logLevel);
  const dispatcher = new Dispatcher({ router, loader, log });
  listenForCalls(router, dispatcher);
  const endpoints = new Endpoints();
  router.codec = endpoints;
  const upstream = router.upstream as Stream;
  const flush = isMainThread ? () => upstream.flush() : flushWithin(upstream);
  dispatcher.onDone = captureOutput(log, flush);
  installSignals(router, dispatcher, endpoints);
  installGenerators(router, dispatcher, endpoints);
  const workplace = { router, dispatcher, loader, config, log };
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
};

function listenForCalls(router: Router, dispatcher: Dispatcher): void {
  const serve = { policy: router.isAbove };
  const onMessage = (call: Message) => dispatcher.onMessage(call);
  router.listen({ ...serve, onMessage }, CALL);
  // Each method has a policy; `installContext` sees to it that nothing else can be called so.
  router.listen({ onMessage }, SERVICE);
  // Behind the call that it is about, also while that waits.
  const cancel = (message: Message) => dispatcher.onCancel(message);
  router.listen(
    {
      ...serve,
      onMessage: (message) => {
        Promise.resolve(dispatcher.ready).then(
          () => cancel(message),
          // The call that it is about has failed with the same.
          () => {},
        );
      },
    },
    CANCEL,
  );
}
