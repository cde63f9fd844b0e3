/**
 * Pushed: part of the `ssh-options` bundle, the table of `context` too; npm has both.
 *
 * The options of `router.ssh`, in the master and in contexts.
 */

import type { OptionTypes } from '../arguments.js';
import type { Secret } from '../wire/secret.js';

/**
 * How to reach a host over SSH, and how to log in there. Files are those of the host and the account of the
 * code that calls, also with `via`: in the master those of the program, in a context those of that.
 */
export interface SshOptions {
  /**
   * The host's name or address; also `user@host`, `host:port`, `[v6]:port`. The name is looked up
   * by the context that connects.
   */
  hostname: string;
  /**
   * The TCP port that the SSH server listens on, 1 to 65535. An error if `hostname` has another.
   * @defaultValue 22
   */
  port?: number | undefined;
  /**
   * The account on the host. An error if `hostname` has another.
   * @defaultValue the name of the user that the calling code runs as
   */
  username?: string | undefined;
  /**
   * The account's password, for the methods `keyboard-interactive` and `password`. Sent at most
   * once per connection, after the keys have been refused, and never to a host whose key is not the
   * known one. Questions other than a single hidden one stay unanswered.
   * @defaultValue none: only keys are tried
   */
  password?: string | Secret | undefined;
  /**
   * The text of one or more private keys: OpenSSH, PEM (PKCS#1, SEC1, PKCS#8) or PuTTY 2. Where it
   * or `identityFile` is given, the default files in `~/.ssh` are not tried.
   * @defaultValue none
   */
  privateKey?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /**
   * Files of private keys, in the order in which they are tried; `~/` is the home folder. A public
   * key (`.pub`) stands for the private one in the agent, which is then tried before its others.
   * @defaultValue `~/.ssh/id_ed25519`, `~/.ssh/id_ecdsa`, `~/.ssh/id_rsa`, those that exist
   */
  identityFile?: string | readonly string[] | undefined;
  /**
   * Decrypts the private keys. No effect on keys that are not encrypted; a key that it does not fit
   * is left out, and named in the error if no other way to log in works.
   * @defaultValue none
   */
  passphrase?: string | Secret | undefined;
  /**
   * The socket of an SSH agent; false uses none. Its keys are tried before those of files.
   * @defaultValue the environment variable `SSH_AUTH_SOCK`
   */
  agent?: string | false | undefined;
  /**
   * Leaves out the agent's keys that are not among `privateKey` and `identityFile`: servers end a
   * connection after about six refused keys. No effect without an agent.
   * @defaultValue false
   */
  identitiesOnly?: boolean | undefined;
  /**
   * The known_hosts files, read in this order; one that does not exist is empty. With
   * `checkHostKey: 'accept-new'` new keys are added to the first. An empty list: no host is known.
   * @defaultValue `~/.ssh/known_hosts`, `~/.ssh/known_hosts2`, `/etc/ssh/ssh_known_hosts`,
   * `/etc/ssh/ssh_known_hosts2`
   */
  knownHosts?: string | readonly string[] | undefined;
  /**
   * What to do about the host's key. `strict` refuses every key that is not known. `accept-new`
   * accepts the key of a host of which none is known, and refuses one that differs from those
   * known. `off` accepts every key, so that anyone on the way can read and change all; then a
   * password is still not sent to a host whose key is known to be another.
   * @defaultValue 'strict'
   */
  checkHostKey?: 'strict' | 'accept-new' | 'off' | undefined;
  /**
   * Finds out that the host is gone although nothing was closed: a question every `intervalMs` ms
   * of silence, and an end after `countMax` without an answer. `intervalMs: 0` asks nothing.
   * Sensible: 5000 to 60000 ms.
   * @defaultValue `{ intervalMs: 15000, countMax: 3 }`
   */
  keepalive?: { intervalMs?: number | undefined; countMax?: number | undefined } | undefined;
  /**
   * How many connections to this host and port one process may have under way at once; the others
   * wait, which counts against no deadline. sshd drops connections from its 10th on (its option
   * MaxStartups), so more than 8 needs a server that is set up for it.
   * @defaultValue 8
   */
  maxConnecting?: number | undefined;
}

/** For `checkOptions`. */
export const SSH_OPTIONS: OptionTypes<SshOptions> = {
  hostname: '',
  port: '',
  username: 'string',
  password: '',
  privateKey: '',
  identityFile: '',
  passphrase: '',
  agent: '',
  identitiesOnly: 'boolean',
  knownHosts: '',
  checkHostKey: '',
  keepalive: 'object',
  maxConnecting: '',
};
