/**
 * '@kinetin/core': the part of Kinetin that runs in every context, as @kinetin/master uses it.
 */

export { checkOptions, invalidArgument, type OptionTypes, shown } from './arguments.js';
export { type Builtin, findBuiltin } from './calls/builtins.js';
export { withOwnNames, withoutFrames } from './calls/call-error.js';
export { Calls } from './calls/calls.js';
export { encodeCall, installCallEndpoints } from './calls/encode.js';
export type { Callee, CallHost, CallTarget } from './calls/host.js';
export type { CallWaitOptions } from './calls/pending-call.js';
export { PendingCall } from './calls/pending-call.js';
export type { RemoteFunction, RemoteModule } from './calls/remote-module.js';
export type {
  AnyFunction,
  Arguments,
  CannotTravel,
  Endpoint,
  Given,
  Result,
  Sendable,
} from './calls/sendable.js';
export type { RemoteService } from './calls/services.js';
export type { ChannelOptions } from './channels/channel.js';
export { Channels } from './channels/channels.js';
export type { ReceiverOptions, SenderContext } from './channels/open-receiver.js';
export type { Feed } from './channels/receiver.js';
export type { SelectOptions } from './channels/select.js';
export type { Received, SelectEvent, Source } from './channels/source.js';
export type { SendAllOptions, Sendables, WebReadable, WebWritable } from './channels/streams.js';
export { type WaitOptions, wait } from './channels/wait.js';
export * from './context/api.js';
export type { ContextRouter } from './context/context-router.js';
export { Contexts, installContextEndpoint } from './context/contexts.js';
export {
  CONTEXT_OPTIONS,
  type ContextOptions,
  type DockerContextOptions,
  dockerTarget,
  type LocalContextOptions,
  type ResolvedContextOptions,
  resolveContextOptions,
  type SshContextOptions,
} from './context/options.js';
export { type ThisContext, thisContext } from './context/this-context.js';
export { untilAborted } from './context/until-aborted.js';
export type { CallsReport } from './inspect/report.js';
export type { Forgotten } from './parent/runtime/forget.js';
export { Broker } from './routing/broker.js';
export { isDead, type Message, type Outgoing } from './routing/message.js';
export { type PendingRequest, pendingRequests } from './routing/pending.js';
export { Router, type RouterOptions } from './routing/router.js';
export { announceRoute, listenForRoutes } from './routing/routes.js';
export { type Side, Stream } from './routing/stream.js';
export { type Trace, TracedRouter } from './routing/traced-router.js';
export { socketTransport, type Transport, type TransportEvents } from './routing/transport.js';
export type { CallPayload } from './runtime/call-payload.js';
export type { Config, WorkThreadMode } from './runtime/config.js';
export { Loader, moduleFileName } from './runtime/loader.js';
export type { Log } from './runtime/log.js';
export { ModuleStore } from './runtime/modules.js';
export type {
  ArgumentCheck,
  Exposed,
  ExposedMethod,
  ServiceCaller,
  ServiceClass,
  ServiceConcurrency,
  ServicePolicy,
} from './services/service.js';
export { type ServicePayload, Services } from './services/services.js';
export { Dispatcher } from './thread/dispatcher.js';
export { installSignals } from './thread/signals.js';
export { describeFrame } from './wire/describe.js';
export { deserialize } from './wire/deserialize.js';
export * as endpoints from './wire/endpoints.js';
export * as handles from './wire/handles.js';
export * as limits from './wire/limits.js';
export { printable } from './wire/printable.js';
export { type EndpointCodec, serialize } from './wire/serialize.js';
