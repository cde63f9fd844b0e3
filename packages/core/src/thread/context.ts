/**
 * Pushed: part of the `thread` bundle, where user code runs.
 *
 * The `context` bundle: what user code gets as '@kinetin/context' is loaded when it is first needed,
 * by a module that requires it or by an endpoint that arrives.
 */

import type { Exports } from '../runtime/loader.js';
import type { Workplace } from '../runtime/work-thread.js';
import { CHANNEL, CONTEXT, type Endpoints, SENDER } from '../wire/endpoints.js';

/** Hash of the `context` bundle; set when this bundle is built. */
declare const CONTEXT_MODULE: string;

/** The export of the `context` bundle: returns what user code gets. */
export type InstallContext = (workplace: Workplace, endpoints: Endpoints) => Exports;

export function installContext(workplace: Workplace, endpoints: Endpoints): void {
  const { loader, dispatcher } = workplace;
  const { decode } = dispatcher;
  const { getText } = loader;
  let loading: Promise<void> | undefined;
  let isMissed = false;
  const load = () => {
    if (!loading) {
      loading = loader.load(CONTEXT_MODULE).then(({ install }) => {
        loader.provided['@kinetin/context'] = (install as InstallContext)(workplace, endpoints);
      });
      loading.catch(() => {
        loading = undefined;
      });
    }
    return loading;
  };
  // Replaced by the bundle.
  for (const kind of [CONTEXT, SENDER, CHANNEL]) {
    endpoints.arrives(kind, () => {
      isMissed = true;
    });
  }
  dispatcher.decode = (message) => {
    isMissed = false;
    const call = decode(message);
    if (isMissed) {
      const done = () => {
        dispatcher.ready = undefined;
      };
      dispatcher.ready = load();
      dispatcher.ready.then(done, done);
    }
    return call;
  };
  loader.getText = async (hash) => {
    const text = await getText(hash);
    if (text.includes('require("@kinetin/context")')) await load();
    return text;
  };
}
