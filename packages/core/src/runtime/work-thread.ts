/**
 * Pushed: part of the core, in every context.
 *
 * The work thread's own side: a router under its context's id whose upstream is the main thread, and
 * the dispatcher of user code.
 */

import { parentPort } from 'node:worker_threads';
import type { Message } from '../routing/message.js';
import { Router } from '../routing/router.js';
import { listenForRoutes } from '../routing/routes.js';
import { CALL, CANCEL, GET_MODULE, SERVICE } from '../wire/handles.js';
import { api } from './api.js';
import { type Config, type ThreadBoot, threadModuleOf } from './config.js';
import { Dispatcher } from './dispatcher.js';
import { type Exports, evaluate, Loader } from './loader.js';
import { type Log, makeLog } from './log.js';
import { type Port, portTransport } from './port.js';

/** What the `thread` bundle is installed into. */
export interface Workplace {
  router: Router;
  dispatcher: Dispatcher;
  loader: Loader;
  config: Config;
  log: Log;
}

/** The export of the `thread` bundle. */
type Install = (workplace: Workplace) => void;

export function startWorkThread({ bundle, config, id, thread }: ThreadBoot): void {
  const { parentIds, maxMessageBytes } = config;
  const router = new Router({ id, parentIds, maxMessageBytes, thread });
  listenForRoutes(router);
  const getText = (hash: string) =>
    router.request(id, GET_MODULE, router.encode(hash)) as Promise<string>;
  const upstream = router.addStream('parent', id);
  serveCalls(router, config, getText, bundle);
  upstream.attach(portTransport(parentPort as unknown as Port));
  upstream.open();
}

/** Makes this thread the one that runs user code; calls wait for the `thread` bundle, its text. */
export function serveCalls(
  router: Router,
  config: Config,
  getText: (hash: string) => Promise<string>,
  bundle: string | Promise<string>,
): void {
  const log = makeLog(router, config.logLevel);
  const provided: Exports = { '@kinetin/core': api };
  const loader = new Loader(getText, provided);
  const dispatcher = new Dispatcher({ router, loader, log });
  const install = (text: string) => {
    const exports = evaluate(threadModuleOf(config), text, provided);
    (exports.install as Install)({ router, dispatcher, loader, config, log });
    dispatcher.ready = undefined;
  };
  if (typeof bundle === 'string') install(bundle);
  else {
    dispatcher.ready = bundle.then(install);
    // Each call that waits for it says so; without calls nobody needs to know.
    dispatcher.ready.catch(() => {});
  }
  const serve = { policy: router.isAbove };
  const onMessage = (call: Message) => dispatcher.onMessage(call);
  router.listen({ ...serve, onMessage }, CALL);
  // Each method has a policy; the `thread` bundle sees to it that nothing else can be called so.
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
