/**
 * '@kinetin/master': run your own code on other machines with nothing installed there.
 */

export {
  ChannelError,
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  type Received,
  Receiver,
  Secret,
  Select,
  type SelectEvent,
  type SelectOptions,
  SerializeError,
  TimeoutError,
  type WaitOptions,
  type WorkThreadMode,
} from '@kinetin/core';
export {
  ConnectError,
  type ExitStatus,
  type Stage,
  type StageTimeouts,
} from '@kinetin/core/parent';
export { CallError } from './calls/call-error.js';
export type { Calls, CallWaitOptions } from './calls/calls.js';
export { Context, PendingContext } from './context.js';
export { BundleError, type FreeIdentifier, SliceError } from './errors.js';
export type { RemoteFunction, RemoteModule } from './imports/remote-module.js';
export {
  type LogLevel,
  type LogRecord,
  type LogSink,
  printable,
  printRecord,
} from './logs/sink.js';
export type { ContextOptions, RouterOptions } from './options.js';
export {
  type LocalContextOptions,
  Router,
  type SshContextOptions,
  withRouter,
} from './router.js';
export type { AnyFunction, Arguments, CannotTravel, Result, Sendable } from './sendable.js';
export type { SshOptions } from './ssh/options.js';
export type { TreeNode } from './tree.js';
