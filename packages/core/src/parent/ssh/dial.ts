/**
 * Pushed: part of the `ssh` method, in contexts that connect over SSH.
 *
 * From a name to a connected TCP socket. ssh2 could do it, but would report neither the stages nor
 * the address that failed, and leaves Nagle's algorithm on: each small write then waits 40 ms.
 */

import { lookup } from 'node:dns';
import { createConnection, type Socket } from 'node:net';
import { ConnectError } from '../attempt.js';

export interface Address {
  address: string;
  family: number;
}

/** Units: ms. After it the next address is tried as well: a host may have a dead IPv6 address. */
const NEXT_ADDRESS_MS = 1000;

/** Resolves to at least one address, in the resolver's order. A lookup cannot be cancelled. */
export function resolveName(hostname: string): Promise<Address[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (!error && addresses.length > 0) return resolve(addresses);
      const why = error ? error.code || error.message : 'it has no address';
      const message = `cannot resolve ${hostname}: ${why}; check the hostname and the name server`;
      reject(new ConnectError('ERR_DNS', message, { stage: 'resolve' }));
    });
  });
}

/** An attempt to connect to the first address that answers. */
export interface Dial {
  connected: Promise<Socket>;
  /** Ends the sockets that have not connected, and rejects `connected`. Idempotent. */
  cancel(): void;
}

/** Tries the addresses in order; the first that connects wins and the others are closed. */
export function dial(hostname: string, port: number, addresses: Address[]): Dial {
  const pending = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  let cancel!: () => void;
  const connected = new Promise<Socket>((resolve, reject) => {
    const failures: string[] = [];
    let next = 0;
    cancel = () => {
      clearTimeout(timer!);
      for (const socket of pending) socket.destroy();
      pending.clear();
      reject(new Error('the attempt ended while it was connecting'));
    };
    const tryNext = () => {
      clearTimeout(timer!);
      const to = addresses[next++];
      if (!to) return;
      const socket = createConnection({ host: to.address, port });
      pending.add(socket);
      timer = setTimeout(tryNext, NEXT_ADDRESS_MS);
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (!pending.delete(socket)) return;
        failures.push(`${to.address} port ${port} (${error.code || error.message})`);
        tryNext();
        if (failures.length === addresses.length) reject(unreachable(hostname, failures));
      });
      socket.once('connect', () => {
        pending.delete(socket);
        socket.setNoDelay(true);
        resolve(socket);
        cancel();
      });
    };
    tryNext();
  });
  return { connected, cancel };
}

function unreachable(hostname: string, failures: string[]): ConnectError {
  const message =
    `cannot connect to ${hostname}: no answer from ${failures.join(', ')}; ` +
    'check that an SSH server listens there and that no firewall is in between';
  return new ConnectError('ERR_TCP', message, { stage: 'tcp' });
}
