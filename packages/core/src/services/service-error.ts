/**
 * The error of services, as it is thrown where they run. Their callers get it as a CallError.
 */

import { KinetinError } from '../errors.js';

/** A service, or a method of it, cannot be called so. */
export class ServiceError extends KinetinError {
  constructor(code: string, message: string) {
    super('ServiceError', code, message);
  }
}
