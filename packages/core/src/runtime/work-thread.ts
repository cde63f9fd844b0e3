/**
 * Pushed: part of the core, in every context.
 *
 * The work thread's own side: a router under its context's id whose upstream is the main thread, and
 * the dispatcher of user code.
 */

import { parentPort } from 'node:worker_threads';
import { Router } from '../routing/router.js';
import { listenForRoutes } from '../routing/routes.js';
import { CALL, GET_MODULE } from '../wire/handles.js';
import type { Config, ThreadBoot } from './config.js';
import { Dispatcher } from './dispatcher.js';
import { Loader } from './loader.js';
import { captureOutput, ERROR, makeLog } from './log.js';
import { unpackModule } from './modules.js';
import { type Port, portTransport } from './port.js';

export function startWorkThread({ config, id, thread }: ThreadBoot): void {
  const { parentIds, maxMessageBytes } = config;
  const router = new Router({ id, parentIds, maxMessageBytes, thread });
  listenForRoutes(router);
  const getText = (hash: string) =>
    router
      .request(id, GET_MODULE, router.encode(hash))
      .then((packed) => unpackModule(hash, packed as Buffer));
  const upstream = router.addStream('parent', id);
  serveCalls(router, config, getText);
  upstream.attach(portTransport(parentPort as unknown as Port));
  upstream.open();
}

/** Makes this thread the one that runs user code. */
export function serveCalls(
  router: Router,
  config: Config,
  getText: (hash: string) => Promise<string>,
): void {
  const log = makeLog(router, config.logLevel);
  const onDone = captureOutput(log);
  const loader = new Loader(getText, {});
  const dispatcher = new Dispatcher({ router, loader, log, onDone });
  router.listen({ policy: router.isAbove, onMessage: (call) => dispatcher.onMessage(call) }, CALL);
  // User code that fails outside of any call must not take the context with it.
  process.on('uncaughtException', (error) => log(ERROR, `uncaught: ${error?.stack}`));
  process.on('unhandledRejection', (error) =>
    log(ERROR, `unhandled rejection: ${(error as Error | undefined)?.stack || error}`),
  );
}
