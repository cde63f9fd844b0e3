/**
 * The error of receivers, senders, channels and selects.
 */

import { KinetinError } from '../errors.js';

/** A receiver, sender, channel or select was used after its end, or cannot be used so. */
export class ChannelError extends KinetinError {
  constructor(code: string, message: string, details?: object) {
    super('ChannelError', code, message, details);
  }
}
