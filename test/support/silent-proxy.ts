/** A TCP proxy that can fall silent: both connections stay open, and nothing passes any more. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SilentProxy {
  readonly port: number;
  /** From now on nothing passes, in either direction. */
  fallSilent(): void;
  close(): void;
}

export async function startSilentProxy(targetPort: number): Promise<SilentProxy> {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    near.pipe(far).on('error', () => {});
    far.pipe(near).on('error', () => {});
    sockets.push(near, far);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
