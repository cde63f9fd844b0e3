/**
 * Pushed: part of the core, in every context.
 *
 * What the modules that extend a running context (`parent`, connection methods) get as
 * '@kinetin/core': one live core per process. So these names are an interface between bundles.
 */

import {
  DeadLetterError,
  KinetinError,
  ModuleError,
  ProtocolError,
  SerializeError,
} from '../errors.js';
import { socketTransport } from '../routing/transport.js';
import { deserialize } from '../wire/deserialize.js';
import { encodeFrame, HEADER_BYTES } from '../wire/frame.js';
import { Secret } from '../wire/secret.js';
import { serialize } from '../wire/serialize.js';
import { makeLog } from './log.js';
import { portTransport } from './port.js';

export const api = {
  DeadLetterError,
  HEADER_BYTES,
  KinetinError,
  ModuleError,
  ProtocolError,
  Secret,
  SerializeError,
  deserialize,
  encodeFrame,
  makeLog,
  portTransport,
  serialize,
  socketTransport,
};
