/**
 * Drives `openSsh` alone: an attempt that records what it is told, and a target with what a test
 * wants. No stage has a deadline here: a test that hangs fails by mocha's.
 */

import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import {
  type Attempt,
  ConnectError,
  type ExitStatus,
  type Pipe,
  type Stage,
} from '../../packages/core/src/parent/attempt.js';
import { openSsh, type SshTarget } from '../../packages/core/src/parent/methods/ssh.js';
import { lookupHost, readKnownHosts } from '../../packages/core/src/ssh-options/known-hosts.js';
import type { Sshd } from './sshd.js';

export type { SshTarget };

export class FakeAttempt implements Attempt {
  readonly commandLine: string;
  readonly nodeArgs: readonly string[] = [];
  readonly stages: Stage[] = [];
  notes = '';
  /** What `openSsh` wants done when the attempt ends early. */
  cancel: () => void = () => undefined;
  #reached = new Map<Stage, () => void>();

  constructor(commandLine = 'cat') {
    this.commandLine = commandLine;
  }

  enter(stage: Stage): void {
    this.stages.push(stage);
    this.#reached.get(stage)?.();
  }

  note(text: string): void {
    this.notes += text;
  }

  onCancel(callback: () => void): void {
    this.cancel = callback;
  }

  vendor(name: 'ssh2'): Promise<unknown> {
    return import(name);
  }

  /** Resolves when the stage is entered for the first time. */
  until(stage: Stage): Promise<void> {
    if (this.stages.includes(stage)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#reached.set(stage, resolve);
    });
  }
}

/** A target with nothing to log in with, for a server whose host key is known. */
export async function bareTarget(sshd: Sshd, more: Partial<SshTarget> = {}): Promise<SshTarget> {
  const { lines } = await readKnownHosts([sshd.knownHostsFile]);
  return {
    hostname: sshd.host,
    port: sshd.port,
    username: sshd.username,
    identitiesOnly: false,
    identities: [],
    hostKeys: {
      check: 'strict',
      ...lookupHost(lines, sshd.host, sshd.port),
      files: sshd.knownHostsFile,
    },
    keepalive: { intervalMs: 0, countMax: 3 },
    maxConnecting: 8,
    ...more,
  };
}

/** A target with the key that the server's fixture has made for its clients. */
export function keyTarget(sshd: Sshd, more: Partial<SshTarget> = {}): Promise<SshTarget> {
  const privateKey = readFileSync(sshd.identityFile, 'utf8');
  return bareTarget(sshd, { identities: [{ name: sshd.identityFile, privateKey }], ...more });
}

/** What `open` rejects with; fails where it opens after all. */
export async function failure(
  target: SshTarget,
  attempt = new FakeAttempt(),
): Promise<ConnectError> {
  const opened = await openSsh(target, attempt).then(
    (pipe) => pipe,
    (error: unknown) => error,
  );
  if (opened instanceof ConnectError) return opened;
  if (opened instanceof Error) throw opened;
  (opened as Pipe).destroy();
  return expect.fail('the connection was opened');
}

/** Opens a pipe whose diagnostics are of no interest. */
export async function open(target: SshTarget, attempt: FakeAttempt): Promise<Pipe> {
  const pipe = await openSsh(target, attempt);
  for (const stream of pipe.diagnostics) stream.resume();
  return pipe;
}

/** Runs a command to its end. */
export async function run(
  target: SshTarget,
  commandLine: string,
): Promise<{ stdout: string; stderr: string; exit: ExitStatus; pipe: Pipe }> {
  const pipe = await openSsh(target, new FakeAttempt(commandLine));
  pipe.input.end();
  const [stdout, stderr, exit] = await Promise.all([
    text(pipe.output as Readable),
    text(pipe.diagnostics[0]!),
    pipe.exit,
  ]);
  return { stdout, stderr, exit, pipe };
}
