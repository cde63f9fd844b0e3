/** What the tests of the doctor share: targets, looking into reports, and a server that is none. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import {
  type DoctorReport,
  type DoctorStage,
  type DoctorStageName,
  formatDoctorReport,
  type SshContextOptions,
} from '@kinetin/master';
import { expect } from 'chai';
import { until } from './processes.js';
import { loginOptions, type Sshd } from './sshd.js';

const run = promisify(execFile);

export const STAGES: DoctorStageName[] = [
  'resolve',
  'tcp',
  'key exchange',
  'host key',
  'auth',
  'shell',
  'node',
  'bootstrap',
  'first call',
];

export type Options = Omit<SshContextOptions, 'via' | 'signal'>;

/** Options with which a login on the server works, but for `change`. */
export function optionsOf(sshd: Sshd, change: Partial<Options> = {}): Options {
  return { ...loginOptions(sshd), ...change };
}

export function stageOf(report: DoctorReport, name: DoctorStageName): DoctorStage {
  const stage = report.stages.find((it) => it.stage === name);
  if (!stage) throw new Error(`no stage ${name}`);
  return stage;
}

/** Asserts where it failed, that all before is ok and nothing behind was reached; returns the reason. */
export function reasonAt(report: DoctorReport, name: DoctorStageName) {
  const at = report.stages.findIndex(({ stage }) => stage === name);
  const expected = report.stages.map(({ outcome }, i) => {
    if (i === at) return 'failed';
    return i > at ? 'not reached' : outcome === 'warning' ? 'warning' : 'ok';
  });
  const outcomes = report.stages.map(({ outcome }) => outcome);
  expect(outcomes, formatDoctorReport(report)).to.deep.equal(expected);
  expect(report.outcome).to.equal('failed');
  const [reason] = stageOf(report, name).findings;
  expect(report.verdict).to.equal(`fails at stage "${name}": ${reason!.problem}`);
  return reason!;
}

/**
 * Makes this process's clock a thousand times as slow, until it is disposed: the doctor finds fault with
 * what takes seconds, which a machine with much to do may need.
 */
export function slowClock(): Disposable {
  const { now } = performance;
  performance.now = () => now.call(performance) / 1000;
  return {
    [Symbol.dispose]: () => {
      performance.now = now;
    },
  };
}

/** Of a key file, as ssh-keygen prints it. */
export async function fingerprint(file: string): Promise<string> {
  return (await run('ssh-keygen', ['-l', '-f', file])).stdout.split(' ')[1] as string;
}

/** A TCP server that does with each connection what the test wants. */
export async function serve(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connected: () => until('somebody connects', () => sockets.size > 0),
    /** All connections have been ended by the other side. */
    empty: () => until('all connections are closed', () => sockets.size === 0),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
