/**
 * One sshd for all rows that need it, and how each client reaches it: with the same key, known hosts
 * and account, without an agent and without the user's configuration.
 */

import { appendFileSync, readFileSync } from 'node:fs';
import type { SshContextOptions } from '@kinetin/master';
import ssh2, { type ClientChannel, type Client as SshClient } from 'ssh2';
import { type Sshd, startSshd } from '../../test/support/sshd.js';

export { canRunSshd } from '../../test/support/sshd.js';

export class SshBench implements AsyncDisposable {
  readonly #sshd: Sshd;

  private constructor(sshd: Sshd) {
    this.#sshd = sshd;
  }

  static async start(): Promise<SshBench> {
    return new SshBench(await startSshd());
  }

  get port(): number {
    return this.#sshd.port;
  }

  /** Makes the server's key known for the port of a proxy, too. */
  trust(port: number): void {
    appendFileSync(this.#sshd.knownHostsFile, `[127.0.0.1]:${port} ${this.#sshd.hostKey()}\n`);
  }

  /** Arguments of the system's client, to be followed by a command. */
  clientArgs(port = this.port): string[] {
    const { identityFile, knownHostsFile, username, host } = this.#sshd;
    const options = [
      'BatchMode=yes',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      `UserKnownHostsFile=${knownHostsFile}`,
      'GlobalKnownHostsFile=/dev/null',
    ];
    const flags = options.flatMap((option) => ['-o', option]);
    return ['-F', '/dev/null', ...flags, '-i', identityFile, '-p', `${port}`, '-l', username, host];
  }

  /** For `router.ssh`. */
  contextOptions(port = this.port): SshContextOptions {
    const { host, username, identityFile, knownHostsFile } = this.#sshd;
    return {
      hostname: host,
      port,
      username,
      identityFile,
      agent: false,
      knownHosts: knownHostsFile,
    };
  }

  /** A channel of the library itself, whose other end sends back what it gets. */
  async echo(): Promise<{ client: SshClient; channel: ClientChannel }> {
    const { host, username, identityFile } = this.#sshd;
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve).once('error', reject);
      const privateKey = readFileSync(identityFile);
      client.connect({ host, port: this.port, username, privateKey });
    });
    client.setNoDelay(true);
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.exec('cat', (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    return { client, channel };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sshd.stop();
  }
}
