/**
 * An SSH server on loopback that behaves as sshd does where it matters here: a real handshake, one
 * real `/bin/sh` for each `exec` request, and no process left when the connection is gone. It lets
 * one key in. Other channels (pty, shell, forwarding, subsystems) are refused.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import ssh2, {
  type AuthContext,
  type Connection,
  type ParsedKey,
  type ServerChannel,
  type Session,
} from 'ssh2';

/** Time that the processes of a closed connection have to end on their own, as sshd's have. */
const GRACE_MS = 2_000;

export interface EmbeddedHostOptions {
  /** What the host calls itself: `KINETIN_HOST_NAME` in the environment of its processes. */
  name: string;
  /** The user that may log in; the processes run as the user of this one all the same. */
  username: string;
  /** The one public key that is let in. */
  authorizedKey: ParsedKey;
  /** Private host key, in OpenSSH's format. */
  hostKey: string;
}

export interface EmbeddedHost {
  readonly name: string;
  readonly port: number;
  /** Ends listening, the connections and their processes; resolves when all are gone. Idempotent. */
  close(): Promise<void>;
}

/** Resolves when the host accepts connections on a free port of 127.0.0.1. */
export async function startEmbeddedHost(options: EmbeddedHostOptions): Promise<EmbeddedHost> {
  const connections = new Set<Connection>();
  const processes = new Set<Promise<void>>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey] }, (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    serve(connection, options, (ended) => {
      processes.add(ended);
      void ended.then(() => processes.delete(ended));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  let closed: Promise<void> | undefined;
  return {
    name: options.name,
    port: (server.address() as AddressInfo).port,
    close: () => {
      closed ??= (async () => {
        const stopped = new Promise((resolve) => server.close(resolve));
        for (const connection of connections) connection.end();
        await stopped;
        await Promise.all(processes);
      })();
      return closed;
    },
  };
}

/** Serves one connection. `started` is told of each process: a promise that it is gone. */
function serve(
  connection: Connection,
  options: EmbeddedHostOptions,
  started: (ended: Promise<void>) => void,
): void {
  // Small writes must not wait for the acknowledgement of the one before.
  (connection as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
  // A client that goes away in the middle is no fault of the host; 'close' follows.
  connection.on('error', () => {});
  connection.on('authentication', (request) => {
    if (isAllowed(request, options)) request.accept();
    else request.reject(['publickey']);
  });
  connection.on('session', (accept) => {
    const session = accept();
    session.on('exec', (acceptExec, _reject, { command }) => {
      started(runCommand(command, acceptExec(), session, options.name));
    });
  });
}

function isAllowed(request: AuthContext, options: EmbeddedHostOptions): boolean {
  if (request.method !== 'publickey' || request.username !== options.username) return false;
  if (!request.key.data.equals(options.authorizedKey.getPublicSSH())) return false;
  // Without a signature the client only asks whether this key would do.
  if (!request.signature || !request.blob) return true;
  return options.authorizedKey.verify(request.blob, request.signature, request.hashAlgo) === true;
}

/**
 * Runs the command with its three streams on the channel and reports how it ended. Resolves when
 * the process is gone; never rejects.
 */
async function runCommand(
  command: string,
  channel: ServerChannel,
  session: Session,
  hostName: string,
): Promise<void> {
  // Detached: a process group of its own, so that nothing it starts is forgotten.
  const shell = spawn('/bin/sh', ['-c', command], {
    detached: true,
    env: environment(hostName),
    stdio: 'pipe',
  });
  channel.pipe(shell.stdin);
  // The command need not read its input to the end (EPIPE).
  shell.stdin.on('error', () => {});
  session.on('signal', (_accept, _reject, { name }) => kill(shell, `SIG${name}` as NodeJS.Signals));

  const copied = copyOutput(shell, channel);
  const ended = once(shell, 'close').catch(() => [127, null]);
  const onHangUp = () => hangUp(shell, ended);
  channel.once('close', onHangUp);
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  void copied.then(() => {
    channel.off('close', onHangUp);
    if (signal) channel.exit(signal.replace('SIG', ''));
    else channel.exit(code ?? 0);
    channel.end();
  });
}

/**
 * Copies both outputs to the channel at the speed of their reader. Resolves when all is sent; never,
 * where the channel is closed before.
 *
 * One write at a time, with nothing kept of the one before: ssh2 (1.17) has a single slot for "waits
 * for window" in a channel, and where both outputs wait, or have waited, it loses or repeats data.
 */
async function copyOutput(shell: ChildProcess, channel: ServerChannel): Promise<void> {
  const waiting = { _chunk: undefined, _chunkcb: undefined };
  let turn = Promise.resolve();
  const copy = async (source: Readable, target: Writable) => {
    for await (const chunk of source) {
      turn = turn.then(() => new Promise((done) => target.write(chunk, () => done())));
      await turn;
      Object.assign(channel, waiting);
    }
  };
  await Promise.all([copy(shell.stdout!, channel), copy(shell.stderr!, channel.stderr)]).catch(
    // The client hung up: see hangUp.
    () => {},
  );
}

/** The client is gone: the process finds its streams closed; what then remains of it is killed. */
function hangUp(shell: ChildProcess, ended: Promise<unknown>): void {
  shell.stdin?.end();
  shell.stdout?.destroy();
  shell.stderr?.destroy();
  const timer = setTimeout(() => kill(shell, 'SIGKILL'), GRACE_MS);
  void ended.then(() => {
    clearTimeout(timer);
    kill(shell, 'SIGKILL');
  });
}

function kill(shell: ChildProcess, signal: NodeJS.Signals): void {
  if (shell.pid === undefined) return;
  try {
    process.kill(-shell.pid, signal);
  } catch {
    // The group is gone already, or there is no such signal here: nothing to end.
  }
}

/** The few variables that sshd sets, and the host's name. */
function environment(hostName: string): NodeJS.ProcessEnv {
  const { HOME, USER, PATH } = process.env;
  return {
    HOME,
    USER,
    // The Node that runs this program comes first: these hosts have what this machine has.
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    KINETIN_HOST_NAME: hostName,
  };
}
