/**
 * A TCP proxy that holds back each piece of data for a time, in both directions, as a long line does:
 * the line takes any amount of data, so only waiting for answers costs time. The set-up of the TCP
 * connection itself is not delayed, for any client.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface DelayProxy extends AsyncDisposable {
  readonly port: number;
  /** Milliseconds to the other side and back. */
  roundTripMs: number;
}

export async function startDelayProxy(targetPort: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    delay(client, target, () => proxy.roundTripMs / 2);
    delay(target, client, () => proxy.roundTripMs / 2);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: DelayProxy = {
    port: (server.address() as AddressInfo).port,
    roundTripMs: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

function delay(from: Socket, to: Socket, oneWayMs: () => number): void {
  from.on('data', (bytes) => {
    setTimeout(() => !to.destroyed && to.write(bytes), oneWayMs());
  });
  from.on('end', () => {
    setTimeout(() => to.end(), oneWayMs());
  });
}
