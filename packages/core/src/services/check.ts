/**
 * Checks: of services as they are registered, and of the arguments of each call.
 */

import { invalidArgument } from '../arguments.js';
import type { Service, ServiceClass } from './service.js';

/** Characters of a name that come from elsewhere. */
export const MAX_SERVICE_NAME = 100;

const WORDS = /^(string|number|boolean|bigint|object|array|bytes|any)\??$/;
const MAX_KEEP_MS = 2 ** 31 - 1;
const STATICS = ['serviceName', 'exposed', 'concurrency', 'keepMs', 'maxKept', 'maxCalls'];

/** Whether objects have `name` anyway, or it is read of what is awaited or written as JSON. */
export const isReserved = (name: string): boolean =>
  name in {} || name === 'then' || name === 'toJSON';

/** The class of `service`. Throws a TypeError with the code ERR_INVALID_ARG where it makes no sense. */
export function checkService(service: Service): ServiceClass {
  if (typeof service !== 'object' || !service) {
    throw invalidArgument(
      `cannot serve ${String(service).slice(0, 50)}: it is no instance; make one with new`,
    );
  }
  const type = service.constructor as unknown as ServiceClass;
  const { serviceName: name, exposed, concurrency = 'concurrent' } = type;
  const { keepMs = 0 } = type;
  const fail = (why: string) => {
    throw invalidArgument(`cannot serve ${name || type.name}: ${why}`);
  };
  if (typeof name !== 'string' || !name || name.length > MAX_SERVICE_NAME) {
    fail(`its static serviceName must be a text of 1 to ${MAX_SERVICE_NAME} characters`);
  }
  if (!['concurrent', 'serial', 'deduplicated'].includes(concurrency)) {
    fail(`${concurrency} is no concurrency; say concurrent, serial or deduplicated`);
  }
  if (!(keepMs >= 0 && keepMs <= MAX_KEEP_MS)) fail(`keepMs must be 0 to ${MAX_KEEP_MS} ms`);
  for (const most of ['maxCalls', 'maxKept'] as const) {
    const { [most]: count = 1 } = type;
    if (!(Number.isInteger(count) && count >= 1)) fail(`${most} must be a whole number from 1`);
  }
  for (const own of Object.getOwnPropertyNames(type)) {
    const meant = STATICS.find((known) => known.toLowerCase() === own.toLowerCase());
    if (meant && meant !== own) fail(`its static ${own} means nothing; did you mean ${meant}?`);
  }
  for (const method of Object.keys(exposed || fail('it exposes nothing; say what in exposed'))) {
    const { args = [], ...rules } = exposed[method] || fail(`exposed.${method} is missing`);
    const { policy } = rules;
    if (isReserved(method))
      fail(`${method} is a name that the language itself calls; choose another`);
    if (typeof (service as unknown as Record<string, unknown>)[method] !== 'function') {
      fail(`it exposes ${method}, which is no method`);
    }
    if (policy !== 'above' && policy !== 'anybody' && typeof policy !== 'function') {
      fail(`${method} has no policy; say above, anybody, or a function`);
    }
    for (const check of args) {
      if (typeof check !== 'function' && !WORDS.test(check)) {
        fail(`${method} wants an argument that is "${check}", which is no type`);
      }
    }
  }
  return type;
}

/** Throws a TypeError with the code ERR_INVALID_ARG, unless the arguments are as they should be. */
export function checkArguments(
  what: string,
  checks: readonly (string | ((value: unknown) => boolean))[],
  args: readonly unknown[],
): void {
  const fail = (why: string) => {
    throw invalidArgument(`cannot call ${what}: ${why}`);
  };
  if (args.length > checks.length) {
    fail(`it takes at most ${checks.length} arguments, not ${args.length}`);
  }
  checks.forEach((check, index) => {
    const value = args[index];
    const argument = `argument ${index + 1}`;
    if (typeof check === 'function') {
      if (check(value) !== true) fail(`${argument} is not what the method accepts`);
      return;
    }
    const [word] = check.split('?');
    if (value === undefined && word !== check) return;
    if (word === 'any' || typeOf(value) === word) return;
    fail(
      value === undefined
        ? `${argument} is missing; it must be of type ${word}`
        : `${argument} must be of type ${word}, not ${typeOf(value)}`,
    );
  });
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value instanceof Uint8Array) return 'bytes';
  return value === null ? 'null' : typeof value;
}
