/** What the doctor is asked to look at. */

import {
  CONTEXT_OPTIONS,
  Context,
  checkOptions,
  type DockerContextOptions,
  dockerTarget,
  invalidArgument,
  type LocalContextOptions,
  type OptionTypes,
  PendingContext,
  type ResolvedContextOptions,
  resolveContextOptions,
  type SshContextOptions,
} from '@kinetin/core';
import { type OpenPipe, openDocker, openLocal, openSsh } from '@kinetin/core/parent';
import { parseAddress, resolveSshOptions, SSH_OPTIONS } from '@kinetin/core/ssh-options';
import type { Router } from '../router.js';

/** A hop is a target of its own: the doctor makes its own connections. */
interface Hop {
  /** The host that connects; the doctor looks at it first. */
  via?: DoctorTarget | undefined;
}

type Own<Options> = Omit<Options, 'via' | 'signal'> & Hop;

/**
 * What `router.ssh`, `router.docker` or `router.local` takes, without `signal` and with a target as
 * `via`. A text is a host name as `router.ssh` takes it; `'local'` and `{}` are this host.
 */
export type DoctorTarget =
  | string
  | Own<SshContextOptions>
  | Own<DockerContextOptions>
  | Own<LocalContextOptions>;

/** A target that has been checked. */
export interface Patient {
  readonly method: 'local' | 'docker' | 'ssh';
  readonly label: string;
  readonly username: string | undefined;
  /** Without brackets; of `ssh`. */
  readonly hostname: string;
  readonly via: Patient | undefined;
  readonly options: ResolvedContextOptions;
  // biome-ignore lint/suspicious/noExplicitAny: each method has a target type of its own
  readonly open: OpenPipe<any>;
  /** What `open` takes; reads files. Rejects with a TypeError, code ERR_INVALID_ARG. */
  resolve(): Promise<unknown>;
  /** Starts the context as a program would. */
  start(router: Router, via: PendingContext | undefined, signal: AbortSignal): PendingContext;
}

/** One whose files have been read. */
export interface ReadyPatient extends Patient {
  /** What `open` takes. */
  readonly target: unknown;
}

/** Throws a TypeError with the code ERR_INVALID_ARG. */
export function checkTarget(target: DoctorTarget): Patient {
  const given = typeof target === 'string' ? fromText(target) : target;
  if (typeof given !== 'object' || given === null) {
    throw invalidArgument(`doctor takes a host name or options, not ${String(given)}`);
  }
  const { via: hop, ...rest } = given;
  if (hop instanceof Context || hop instanceof PendingContext) {
    throw invalidArgument(
      'via must be a target, as in { hostname: "bastion" }: the doctor makes its own connections',
    );
  }
  if ('signal' in rest) {
    throw invalidArgument('signal belongs into the second argument of doctor');
  }
  const via = hop === undefined ? undefined : checkTarget(hop);
  if ('hostname' in rest) return checkSsh(rest as SshContextOptions, via);
  if ('container' in rest) return checkDocker(rest as DockerContextOptions, via);
  return checkLocal(rest, via);
}

function fromText(text: string): Own<SshContextOptions> | Own<LocalContextOptions> {
  return text === 'local' ? {} : { hostname: text };
}

function checkSsh(given: SshContextOptions, via: Patient | undefined): Patient {
  checkOptions('doctor', given, { ...CONTEXT_OPTIONS, ...SSH_OPTIONS });
  const { hostname, port, username } = parseAddress(given);
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return {
    method: 'ssh',
    label: `${username === undefined ? '' : `${username}@`}${host}:${port}`,
    username,
    hostname,
    via,
    options: resolveContextOptions(given),
    open: openSsh,
    resolve: () => resolveSshOptions(given, { isElsewhere: via !== undefined }),
    start: (router, hop, signal) => router.ssh({ ...given, via: hop, signal }),
  };
}

function checkDocker(given: DockerContextOptions, via: Patient | undefined): Patient {
  const target = dockerTarget(given);
  return {
    method: 'docker',
    label: `container ${given.container}`,
    username: given.user,
    hostname: '',
    via,
    options: resolveContextOptions(given),
    open: openDocker,
    resolve: async () => target,
    start: (router, hop, signal) => router.docker({ ...given, via: hop, signal }),
  };
}

function checkLocal(given: LocalContextOptions, via: Patient | undefined): Patient {
  // With the name that `host` is to be taken for.
  const types: OptionTypes<LocalContextOptions & { hostname?: string }> = {
    ...CONTEXT_OPTIONS,
    hostname: 'string',
  };
  checkOptions('doctor', given, types);
  const command = given.node === undefined ? undefined : [given.node];
  return {
    method: 'local',
    label: via ? `another process of ${via.label}` : 'this host',
    username: undefined,
    hostname: '',
    via,
    options: resolveContextOptions(given),
    open: openLocal,
    resolve: async () => ({ command }),
    start: (router, hop, signal) => router.local({ ...given, via: hop, signal }),
  };
}
