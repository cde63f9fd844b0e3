/**
 * Pushed: part of the core, in every context.
 *
 * Where user code runs: in a work thread, with a router under its context's id whose upstream is the
 * main thread, or on the main thread itself. What runs it is in the `thread` bundle.
 */

import { parentPort } from 'node:worker_threads';
import { Router } from '../routing/router.js';
import { listenForRoutes } from '../routing/routes.js';
import { FLAG_ERROR } from '../wire/flags.js';
import { CALL, CANCEL, GET_MODULE, SERVICE } from '../wire/handles.js';
import { api } from './api.js';
import { type Config, type ThreadBoot, threadModuleOf } from './config.js';
import { evaluate, Loader } from './loader.js';
import { type Port, portTransport } from './port.js';

/** The text of a module. */
type GetText = (hash: string) => Promise<string>;

/** The export of the `thread` bundle: listens on the handles of calls. */
export type Install = (router: Router, config: Config, loader: Loader) => void;

export function startWorkThread({ bundle, config, id, thread }: ThreadBoot): void {
  const router = new Router({ ...config, id, thread });
  listenForRoutes(router);
  const upstream = router.addStream('parent', id);
  const getText = (hash: string) => router.request(id, GET_MODULE, router.encode(hash));
  install(router, config, getText as GetText, bundle);
  upstream.attach(portTransport(parentPort as unknown as Port));
  upstream.open();
}

/** Makes the main thread the one that runs user code: calls wait for the `thread` bundle. */
export function serveCallsHere(router: Router, config: Config, getText: GetText): void {
  const ready = getText(threadModuleOf(config)).then((bundle) =>
    install(router, config, getText, bundle),
  );
  // Each call that waits for it says so; without calls nobody needs to know.
  ready.catch(() => {});
  for (const handle of [CALL, SERVICE, CANCEL]) {
    router.listen(
      {
        // Each method of a service has a policy of its own.
        policy: handle === SERVICE ? undefined : router.isAbove,
        onMessage: (message, from) => {
          ready.then(
            () => router.listening.get(handle)?.onMessage(message, from),
            (error) => router.reply(message, router.encode(error), FLAG_ERROR),
          );
        },
      },
      handle,
    );
  }
}

function install(router: Router, config: Config, getText: GetText, bundle: string): void {
  const loader = new Loader(getText, { '@kinetin/core': api });
  const exports = evaluate(threadModuleOf(config), bundle, loader.provided);
  (exports.install as Install)(router, config, loader);
}
