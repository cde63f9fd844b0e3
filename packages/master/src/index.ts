/**
 * '@kinetin/master': run your own code on other machines with nothing installed there.
 */

export {
  type AnyFunction,
  type ArgumentCheck,
  type Arguments,
  CallChain,
  CallError,
  type Calls,
  type CallWaitOptions,
  type CannotTravel,
  Channel,
  ChannelError,
  type ChannelOptions,
  Context,
  type ContextOptions,
  type ContextRouter,
  DeadLetterError,
  type DockerContextOptions,
  type Exposed,
  type ExposedMethod,
  type Forgotten,
  KinetinError,
  type LocalContextOptions,
  ModuleError,
  OpenReceiver,
  PendingContext,
  ProtocolError,
  printable,
  type Received,
  Receiver,
  type ReceiverOptions,
  type RemoteFunction,
  type RemoteModule,
  type RemoteService,
  type Result,
  Secret,
  Select,
  type SelectEvent,
  type SelectOptions,
  type SendAllOptions,
  type Sendable,
  type Sendables,
  Sender,
  type SenderContext,
  SerializeError,
  Service,
  type ServiceCaller,
  type ServiceClass,
  type ServiceConcurrency,
  ServiceError,
  type ServicePolicy,
  type SshContextOptions,
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
export type { SshOptions } from '@kinetin/core/ssh-options';
export type { BundleOptions, DataLoader } from './bundle/options.js';
export { type DoctorOptions, doctor } from './doctor/doctor.js';
export { type DoctorFormat, formatDoctorReport } from './doctor/format.js';
export type {
  DoctorFinding,
  DoctorFolder,
  DoctorLogin,
  DoctorNode,
  DoctorReport,
  DoctorStage,
  DoctorStageName,
} from './doctor/report.js';
export type { DoctorTarget } from './doctor/targets.js';
export { BundleError, type FreeIdentifier, SliceError } from './errors.js';
export {
  type LogLevel,
  type LogRecord,
  type LogSink,
  printRecord,
} from './logs/sink.js';
export type { RouterOptions, ShutdownOptions } from './options.js';
export type { PendingCallReport, PendingState } from './pending.js';
export {
  Router,
  withRouter,
} from './router.js';
export type { RouterStats } from './stats.js';
export type { TreeNode } from './tree.js';
