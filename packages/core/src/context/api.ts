/**
 * What programs and the functions that they send away both find in Kinetin: '@kinetin/master' exports
 * it here, the `context` bundle there.
 */

export { CallError } from '../calls/call-error.js';
export { ChannelError } from '../channels/channel-error.js';
export { Receiver } from '../channels/receiver.js';
export { Select } from '../channels/select.js';
export { TimeoutError } from '../channels/wait.js';
export {
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  SerializeError,
} from '../errors.js';
export { Secret } from '../wire/secret.js';
export { Context } from './context.js';
