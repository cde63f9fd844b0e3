/**
 * The services of the program itself, which contexts call.
 */

import {
  Dispatcher,
  encodeCall,
  type endpoints as endpointKinds,
  handles,
  installSignals,
  Loader,
  type Log,
  type Message,
  type Router,
  Services,
} from '@kinetin/core';

type Endpoints = endpointKinds.Endpoints;

/** Takes the SERVICE messages of the master. Nothing else can be called here, and nothing loaded. */
export function serveServices(router: Router, endpoints: Endpoints, logLine: Log): Services {
  const log: Log = (level, text) => {
    for (const line of text.split('\n')) logLine(level, line);
  };
  const getText = async (): Promise<never> => {
    throw new Error('the master loads no modules');
  };
  const dispatcher = new Dispatcher({ router, loader: new Loader(getText, {}), log });
  installSignals(router, dispatcher, endpoints);
  const { decode } = dispatcher;
  dispatcher.decode = (message) => [handles.SERVICE, ['take'], [message, decode(message)]];
  const onMessage = (message: Message) => dispatcher.onMessage(message);
  router.listen({ onMessage }, handles.SERVICE);
  const encode = (call: readonly unknown[]) => encodeCall(router, call).body;
  return new Services(dispatcher, { router, name: 'master', log, encode });
}
