/**
 * Pushed: the entry of the `context` bundle, which a context gets with the first function that uses
 * Kinetin itself, or that gets a context, a sender or a channel.
 */

import './async-dispose.js';
import { installCallEndpoints } from '../calls/encode.js';
import type { InstallContext } from '../thread/context.js';
import * as api from './api.js';
import { ContextCallHost } from './call-host.js';
import { Context } from './context.js';
import { ContextRouter } from './context-router.js';
import { Contexts, installContextEndpoint } from './contexts.js';
import { ThisContext } from './this-context.js';

/** Makes Kinetin available to user code. Called once in each thread that runs such code. */
export const install: InstallContext = (workplace, endpoints) => {
  const { router, loader, config } = workplace;
  const host = new ContextCallHost(router, loader);
  const connected = Promise.resolve();
  const contexts = new Contexts((id, name) => new Context(host, { id, name, connected }));
  const { onContextLost } = router;
  router.onContextLost = (id, reason) => {
    onContextLost(id, reason);
    contexts.remove(id);
  };
  installCallEndpoints(endpoints);
  installContextEndpoint(endpoints, contexts, [Context, ThisContext]);
  const own = new ContextRouter(workplace, endpoints, contexts);
  const self = new ThisContext(host, { id: router.id, name: config.name, connected }, own);
  contexts.add(self);
  return { ...api, thisContext: () => self };
};
