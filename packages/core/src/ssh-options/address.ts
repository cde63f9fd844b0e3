/**
 * Pushed: part of the `ssh-options` bundle; npm has it too.
 *
 * Where to connect, as users write it: `host`, `user@host:port`, `[v6]:port`, `v6`.
 */

import { isIPv6 } from 'node:net';
import { invalidArgument, shown } from '../arguments.js';

interface AddressOptions {
  hostname: string;
  port?: number | undefined;
  username?: string | undefined;
}

export interface SshAddress {
  /** Without brackets. */
  hostname: string;
  port: number;
  username?: string;
}

const DEFAULT_PORT = 22;

/** Takes `hostname` apart; `port` and `username` may be in it or apart, but may not contradict. */
export function parseAddress(options: AddressOptions): SshAddress {
  const { hostname: text } = options;
  if (typeof text !== 'string' || text === '') {
    throw invalidArgument("hostname is missing: give the host's name or address");
  }
  const at = text.lastIndexOf('@');
  const host = splitPort(text.slice(at + 1));
  const username = agree('username', at < 0 ? undefined : text.slice(0, at), options.username);
  const port = agree('port', host.port, options.port) ?? DEFAULT_PORT;
  // Nothing that a shell, known_hosts or ssh's command line would take for something else.
  const isName = /^(?!-)[\p{L}\p{N}._-]+$/u.test(host.name);
  if (!isName && !isIPv6(host.name)) {
    throw invalidArgument(`hostname is not a name or address: ${JSON.stringify(text)}`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalidArgument(`port must be a whole number from 1 to 65535, not ${shown(port)}`);
  }
  if (username !== undefined && !/^(?!-)[^\s\p{C}]+$/u.test(username)) {
    throw invalidArgument(`username is not one: ${JSON.stringify(username)}`);
  }
  return { hostname: host.name, port, ...(username === undefined ? {} : { username }) };
}

function splitPort(text: string): { name: string; port?: number } {
  const [, inBrackets, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const name = inBrackets ?? plain ?? text; // Otherwise an IPv6 address without brackets.
  return port === undefined ? { name } : { name, port: Number(port) };
}

function agree<T>(option: string, inHostname: T | undefined, apart: T | undefined): T | undefined {
  if (inHostname !== undefined && apart !== undefined && inHostname !== apart) {
    throw invalidArgument(
      `${option} is given twice: ${inHostname} in hostname, and ${apart}; leave one out`,
    );
  }
  return apart ?? inHostname;
}
