/**
 * Pushed: part of the `thread` bundle, where user code runs.
 *
 * The `context` bundle: what user code gets as '@kinetin/context' is loaded when it is first needed,
 * by a module that requires it, by an endpoint that arrives, or by a call of a service.
 */

import { isMainThread, parentPort } from 'node:worker_threads';
import type { Exports } from '../runtime/loader.js';
import { CHANNEL, CONTEXT, type Endpoints, SENDER } from '../wire/endpoints.js';
import { SERVICE } from '../wire/handles.js';
import type { Testament } from './testament.js';
import type { Workplace } from './workplace.js';

/** Hash of the `context` bundle; set when this bundle is built. */
declare const CONTEXT_MODULE: string;

/** What user code requires. */
const CONTEXT_PACKAGE = '@kinetin/context';

/**
 * The export of the `context` bundle: returns what user code gets. `leave` has a frame sent under a
 * key when the thread ends; without a frame no more. Undefined where the context ends with the thread.
 */
export type InstallContext = (
  workplace: Workplace,
  endpoints: Endpoints,
  leave: ((key: number, frame?: Uint8Array) => void) | undefined,
) => Exports;

function leave(key: number, frame?: Uint8Array): void {
  const testament: Testament = { key, frame };
  parentPort?.postMessage(testament);
}

export function installContext(workplace: Workplace, endpoints: Endpoints): void {
  const { loader, dispatcher } = workplace;
  const { decode } = dispatcher;
  const { getText } = loader;
  let loading: Promise<void> | undefined;
  let isMissed = false;
  const load = () => {
    if (!loading) {
      loading = loader.load(CONTEXT_MODULE).then(({ install }) => {
        loader.provided[CONTEXT_PACKAGE] = (install as InstallContext)(
          workplace,
          endpoints,
          isMainThread ? undefined : leave,
        );
      });
      loading.catch(() => {
        loading = undefined;
      });
    }
    return loading;
  };
  // The bundle takes these over.
  for (const kind of [CONTEXT, SENDER, CHANNEL]) {
    endpoints.arrives(kind, () => {
      isMissed = true;
    });
  }
  dispatcher.decode = (message) => {
    const isService = message.handle === SERVICE;
    isMissed = false;
    const call = decode(message);
    // So are services, and calls of chains.
    if (isMissed || ((isService || call[3]) && !loader.provided[CONTEXT_PACKAGE])) {
      const done = () => {
        dispatcher.ready = undefined;
      };
      dispatcher.ready = load();
      dispatcher.ready.then(done, done);
    }
    // Anybody may send these: they call nothing but what serves them, which the bundle keeps here.
    return isService ? [SERVICE, ['take'], [message, call]] : call;
  };
  loader.getText = async (hash) => {
    const text = await getText(hash);
    if (text.includes(`require("${CONTEXT_PACKAGE}")`)) await load();
    return text;
  };
}
