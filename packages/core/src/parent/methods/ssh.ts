/**
 * Pushed: the `ssh` method, in contexts that connect over SSH; master has it too.
 *
 * Opens a process on a host over SSH, with ssh2: one TCP connection, one session channel, one
 * command. It stands in line for its server first, which counts against no deadline.
 */

import type { OpenPipe } from '../attempt.js';
import { SshConnection } from '../ssh/connection.js';
import type { SshTarget } from '../ssh/target.js';
import { takeTurn } from '../ssh/turns.js';

export type {
  KnownHostKey,
  NewHostKey,
  SshHostKeys,
  SshIdentity,
  SshTarget,
} from '../ssh/target.js';

/** Opens a process on an SSH host. `Pipe.facts.newHostKey`: see {@link NewHostKey}. */
export const openSsh: OpenPipe<SshTarget> = async (target, attempt) => {
  const connection = new SshConnection(target, attempt);
  const turn = takeTurn(`${target.hostname}:${target.port}`, target.maxConnecting);
  connection.onEnd(() => turn.end());
  attempt.onCancel(() => connection.end());
  try {
    await turn.started;
    return await connection.open();
  } catch (error) {
    connection.end();
    throw error;
  } finally {
    // Not before the channel is open: only then has sshd counted the connection as logged in.
    turn.end();
  }
};
