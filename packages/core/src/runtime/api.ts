/**
 * Pushed: part of the core, in every context.
 *
 * What the modules that extend a running context (`parent`, connection methods) get as
 * '@kinetin/core': one live core per process. So these names are an interface between bundles.
 */

export {
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  SerializeError,
} from '../errors.js';
export { socketTransport } from '../routing/transport.js';
export { deserialize } from '../wire/deserialize.js';
export { encodeFrame, HEADER_BYTES } from '../wire/frame.js';
export { Secret } from '../wire/secret.js';
export { serialize } from '../wire/serialize.js';
export { portTransport } from './port.js';
