/**
 * What the doctor reports, as plain values. All text of other machines in it has passed through
 * `printable`; no secret is in it.
 */

import { printable } from '@kinetin/core';

/** The stages of a connect, in order. Methods other than `ssh` begin with `shell`. */
export type DoctorStageName =
  | 'resolve'
  | 'tcp'
  | 'key exchange'
  | 'host key'
  | 'auth'
  | 'shell'
  | 'node'
  | 'bootstrap'
  | 'first call';

export const SSH_STAGES: readonly DoctorStageName[] = [
  'resolve',
  'tcp',
  'key exchange',
  'host key',
  'auth',
];
export const CONTEXT_STAGES: readonly DoctorStageName[] = [
  'shell',
  'node',
  'bootstrap',
  'first call',
];

/** Something that is not as it should be. */
export interface DoctorFinding {
  readonly problem: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** One way to log in, in the order in which they were tried. */
export interface DoctorLogin {
  /** `none` only asks which methods there are. */
  readonly method: string;
  /** Of a key: `agent`, or the name of its file or option. */
  readonly keySource?: string;
  /** As in `ssh-ed25519`; undefined where the key could not be read, as are the next two. */
  readonly keyType?: string;
  readonly fingerprint?: string;
  readonly comment?: string;
  /**
   * `partial success`: the server wants another method as well. `left out`: it could not be tried.
   * `not offered`: the server does not take it. `no answer`: the connection ended before there was one.
   */
  readonly result:
    | 'accepted'
    | 'partial success'
    | 'rejected'
    | 'left out'
    | 'not offered'
    | 'no answer';
  /** Why it was left out. */
  readonly reason?: string;
  /** Milliseconds until the server answered; undefined where it was not asked. */
  readonly ms?: number;
}

/** An interpreter on the host. */
export interface DoctorNode {
  readonly path: string;
  /** As in `v20.1.0`; `broken` where it does not start. */
  readonly version: string;
  /** Whether it is new enough. */
  readonly isUsable: boolean;
}

/** A folder in which a pushed runtime could be kept. */
export interface DoctorFolder {
  readonly path: string;
  /** `absent`: neither it nor the folder above it is there. `unknown`: tools to find out are missing. */
  readonly state: 'usable' | 'noexec' | 'not writable' | 'absent' | 'unknown';
  /** Undefined where the host did not say. */
  readonly freeBytes: number | undefined;
}

/** One stage. */
export interface DoctorStage {
  readonly stage: DoctorStageName;
  /** `warning`: it works, and something about it could be better. `not reached`: one before it failed. */
  readonly outcome: 'ok' | 'warning' | 'failed' | 'not reached';
  /** Milliseconds, with fractions; undefined where it was not reached, or was not measured. */
  readonly ms: number | undefined;
  /** What is known, by name: see docs/guides/doctor.md. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** Where it failed, the first is the reason. */
  readonly findings: readonly DoctorFinding[];
  /** Of `auth`. */
  readonly logins?: readonly DoctorLogin[];
  /** Of `node`. */
  readonly nodes?: readonly DoctorNode[];
  /** Of `shell`. */
  readonly folders?: readonly DoctorFolder[];
}

/** What {@link doctor} resolves to. */
export interface DoctorReport {
  /** As in `deploy@web1:22`. */
  readonly target: string;
  readonly method: 'local' | 'docker' | 'ssh';
  /** Of the hop that connects, where there is one. */
  readonly via?: DoctorReport;
  readonly stages: readonly DoctorStage[];
  /** The worst of all stages, those of `via` included. */
  readonly outcome: 'ok' | 'warning' | 'failed';
  /** One sentence. */
  readonly verdict: string;
}

/** Text of another's making, fit for a report. */
export function clean(text: string): string {
  return printable(text.slice(0, 2000));
}
