/** A TCP proxy that counts what passes to the server, and can cut the connections after so much. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingProxy {
  readonly port: number;
  /** Bytes that have passed to the server since the last call. */
  taken(): number;
  /** Cuts all connections when so many bytes more have passed; resolves when it has. */
  cutAfter(bytes: number): Promise<void>;
  close(): void;
}

export async function startCountingProxy(targetPort: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  let limit = Number.POSITIVE_INFINITY;
  let onCut = () => {};
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // The other end sees it, too.
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk) => {
      count += chunk.length;
      if (count < limit) return;
      limit = Number.POSITIVE_INFINITY;
      cut();
      onCut();
    });
    near.pipe(far);
    far.pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    taken: () => {
      const taken = count;
      count = 0;
      return taken;
    },
    cutAfter: (bytes) => {
      limit = count + bytes;
      return new Promise((resolve) => {
        onCut = resolve;
      });
    },
    close: () => {
      server.close();
      cut();
    },
  };
}
