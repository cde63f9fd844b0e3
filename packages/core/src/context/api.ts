/**
 * What programs and the functions that they send away both find in Kinetin: '@kinetin/master' exports
 * it here, the `context` bundle there.
 */

export { CallError } from '../calls/call-error.js';
export { CallChain } from '../calls/chain.js';
export { Channel } from '../channels/channel.js';
export { ChannelError } from '../channels/channel-error.js';
export { OpenReceiver } from '../channels/open-receiver.js';
export { Receiver } from '../channels/receiver.js';
export { Select } from '../channels/select.js';
export { Sender } from '../channels/sender.js';
export { TimeoutError } from '../channels/wait.js';
export {
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  SerializeError,
} from '../errors.js';
export { Service } from '../services/service.js';
export { ServiceError } from '../services/service-error.js';
export { Secret } from '../wire/secret.js';
export { Context } from './context.js';
export { PendingContext } from './pending-context.js';
