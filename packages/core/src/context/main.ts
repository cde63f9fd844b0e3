/**
 * Pushed: the entry of the `context` bundle, which a context gets with the first function that uses
 * Kinetin itself, or that gets a context, a sender or a channel.
 */

import './async-dispose.js';
import { encodeCall, installCallEndpoints } from '../calls/encode.js';
import { Channels } from '../channels/channels.js';
import { ConnectError } from '../parent/attempt.js';
import type { Exports } from '../runtime/loader.js';
import { Services } from '../services/services.js';
import type { InstallContext } from '../thread/context.js';
import * as api from './api.js';
import { ContextCallHost } from './call-host.js';
import { installChains } from './chains.js';
import { claim } from './claim.js';
import { Context } from './context.js';
import { ContextRouter } from './context-router.js';
import { Contexts, installContextEndpoint } from './contexts.js';
import { Orphans } from './orphans.js';
import { PendingContext } from './pending-context.js';
import { ThisContext } from './this-context.js';

/** Makes Kinetin available to user code. Called once in each thread that runs such code. */
export const install: InstallContext = (workplace, endpoints, leave) => {
  const { router, dispatcher, loader, config, log } = workplace;
  const orphans = new Orphans(router, leave);
  const host = new ContextCallHost(router, loader, orphans, config);
  const connected = Promise.resolve(undefined);
  const contexts = new Contexts((id, name) => new Context(host, { id, name, connected }));
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    contexts.remove(id);
    orphans.remove(id);
  };
  installChains(workplace);
  installCallEndpoints(endpoints);
  installContextEndpoint(endpoints, contexts, [Context, PendingContext, ThisContext]);
  const services = new Services(dispatcher, {
    router,
    name: config.name,
    log,
    encode: (call) => encodeCall(router, call).body,
    ...(config.workThreads ? { claim } : {}),
    load: async ([module, path]) => {
      const exports = await loader.load(module.toString('hex'));
      return path.reduce((owner: unknown, name) => (owner as Exports)[name], exports);
    },
  });
  const channels = new Channels({
    core: router,
    endpoints,
    contextOf: (id) => contexts.find(id, id === 0 ? 'master' : `context ${id}`),
    leave,
  });
  const own = new ContextRouter(workplace, endpoints, contexts, host, services, channels);
  const { pid, version: nodeVersion } = process;
  const running = Promise.resolve({ pid, nodeVersion });
  const description = { id: router.id, name: config.name, connected: running };
  const self = new ThisContext(host, description, own);
  contexts.add(self);
  return { ...api, ConnectError, thisContext: () => self };
};
