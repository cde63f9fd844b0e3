/** A real ssh-agent, with a socket of its own. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface SshAgent extends AsyncDisposable {
  /** Its socket. */
  readonly path: string;
  /** Adds a private key without a passphrase. */
  add(file: string): Promise<void>;
  /** Makes it refuse everything until it is unlocked. */
  lock(): Promise<void>;
}

/** Starts an agent whose socket is in `folder`, which must exist. */
export async function startSshAgent(folder: string): Promise<SshAgent> {
  const path = join(folder, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(agent.stdout, 'data'); // It names its socket when it listens.
  agent.stdout.resume();
  const env = { ...process.env, SSH_AUTH_SOCK: path };
  return {
    path,
    add: async (file) => void (await promisify(execFile)('ssh-add', ['-q', file], { env })),
    lock: async () => {
      // ssh-add asks a program for the password where there is no terminal.
      const askEnv = { ...env, SSH_ASKPASS: '/bin/true', SSH_ASKPASS_REQUIRE: 'force' };
      await promisify(execFile)('ssh-add', ['-x'], { env: askEnv });
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(agent, 'exit');
      agent.kill();
      await exited;
    },
  };
}
