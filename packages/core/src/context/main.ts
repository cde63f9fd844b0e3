/**
 * Pushed: the entry of the `context` bundle, which a context gets with the first function that uses
 * Kinetin itself, or that gets a context, a sender or a channel.
 */

import { installCallEndpoints } from '../calls/encode.js';
import type { InstallContext } from '../thread/context.js';
import * as api from './api.js';
import { ContextCallHost } from './call-host.js';
import { Context } from './context.js';
import { Contexts, installContextEndpoint } from './contexts.js';

/** Makes Kinetin available to user code. Called once in each thread that runs such code. */
export const install: InstallContext = ({ router, loader, config }, endpoints) => {
  const host = new ContextCallHost(router, loader);
  const connected = Promise.resolve();
  const contexts = new Contexts((id, name) => new Context(host, { id, name, connected }));
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    contexts.remove(id);
  };
  installCallEndpoints(endpoints);
  installContextEndpoint(endpoints, contexts);
  const own = contexts.find(router.id, config.name);
  return { ...api, thisContext: () => own };
};
