/**
 * '@kinetin/master': run your own code on other machines with nothing installed there.
 */

export {
  type AnyFunction,
  type Arguments,
  CallError,
  type Calls,
  type CallWaitOptions,
  type CannotTravel,
  ChannelError,
  type ContextRouter,
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  printable,
  type Received,
  Receiver,
  type RemoteFunction,
  type RemoteModule,
  type Result,
  Secret,
  Select,
  type SelectEvent,
  type SelectOptions,
  type Sendable,
  SerializeError,
  type ThisContext,
  TimeoutError,
  thisContext,
  type WaitOptions,
  type WorkThreadMode,
} from '@kinetin/core';
export {
  ConnectError,
  type ExitStatus,
  type Stage,
  type StageTimeouts,
} from '@kinetin/core/parent';
export { Context, PendingContext } from './context.js';
export { BundleError, type FreeIdentifier, SliceError } from './errors.js';
export {
  type LogLevel,
  type LogRecord,
  type LogSink,
  printRecord,
} from './logs/sink.js';
export type { ContextOptions, RouterOptions } from './options.js';
export {
  type LocalContextOptions,
  Router,
  type SshContextOptions,
  withRouter,
} from './router.js';
export type { SshOptions } from './ssh/options.js';
export type { TreeNode } from './tree.js';
