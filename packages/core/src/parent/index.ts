/**
 * '@kinetin/core/parent': what a context needs to start children. Used by @kinetin/master.
 */

export {
  type Attempt,
  ConnectError,
  type ExitStatus,
  type OpenPipe,
  type Pipe,
  type Stage,
  toConnectError,
} from './attempt.js';
export { type CommandOptions, commandLine, newMarker, nodeArgs } from './command.js';
export {
  type Connected,
  type Connecting,
  type ConnectRequest,
  connectChild,
  type ParentHost,
} from './connection.js';
export { type IdBlock, Ids } from './ids.js';
export type { KeepaliveOptions } from './keepalive.js';
export type { HopRequest } from './main.js';
export { type DockerTarget, openDocker } from './methods/docker.js';
export { type LocalTarget, openLocal } from './methods/local.js';
export * from './methods/ssh.js';
export { listenForNews, type News } from './news.js';
export { encodePreamble, type Preamble } from './preamble.js';
export type { StageTimeouts } from './progress.js';
export type { GetRuntime, Runtime, RuntimeFile, Waiter } from './runtime/runtime.js';

/** What sends Node to hosts that have none, loaded with its first use. */
export const loadRuntime = () => import('./runtime/main.js');
