/**
 * The stages `bootstrap` and `first call`: a context is started as a program would, called, and ended.
 * Behind a hop this is all there is to see: the hop makes the connection.
 */

import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import { type Context, limits, type PendingContext } from '@kinetin/core';
import {
  type ConnectError,
  commandLine,
  encodePreamble,
  newMarker,
  nodeArgs,
  type SshTarget,
} from '@kinetin/core/parent';
import { LEVELS } from '../logs/sink.js';
import { pushedModule } from '../pushed.js';
import { Router } from '../router.js';
import type { Draft } from './draft.js';
import { ownRuntime } from './on-target.js';
import { type ProbeAnswer, probeScript, readAnswer } from './probe.js';
import { findingOf, sshRemedies } from './remedies.js';
import { clean, type DoctorFinding, type DoctorStageName } from './report.js';
import { fillAnswer, nodeFinding } from './shell-stages.js';
import { failedStage } from './ssh-stages.js';
import type { Patient, ReadyPatient } from './targets.js';

/** Units: ms. For each call, once the context is connected. */
const CALL_TIMEOUT_MS = 15_000;
/** Of what the context prints, lines that are kept. */
const MAX_PRINTED = 5;

/** Fills in the rest. `answer`: what the host has said before; undefined behind a hop. */
export async function fillContext(
  draft: Draft,
  patient: ReadyPatient,
  answer: ProbeAnswer | undefined,
  signal: AbortSignal,
): Promise<void> {
  const printed: string[] = [];
  const onLog = ({ text }: { text: string }) => {
    if (printed.length < MAX_PRINTED) printed.push(clean(text));
  };
  await using router = new Router({ onLog });
  const startedAt = performance.now();
  const context = await startChain(router, patient, signal).then(
    (started) => started,
    (error: unknown) => error as ConnectError,
  );
  signal.throwIfAborted();
  if (context instanceof Error) return fillFailure(draft, patient, answer, context);
  const bootstrap = draft.reach('bootstrap', performance.now() - startedAt);
  bootstrap.facts.node = clean(context.nodeVersion ?? 'unknown');
  if (context.pid !== undefined) bootstrap.facts.pid = context.pid;
  Object.assign(bootstrap.facts, bootstrapBytes(patient));
  await fillCall(draft, context, signal);
  if (!answer) await askBehind(draft, patient, context, signal);
  const missing = answer && nodeFinding(answer);
  if (missing) draft.get('node').findings.push(await pushedFinding(missing, context, signal));
  if (printed.length > 0) bootstrap.facts.printed = printed.join(' | ');
}

/** Its hops first; nobody waits for them here. */
function startChain(router: Router, patient: Patient, signal: AbortSignal): PendingContext {
  const via = patient.via && startChain(router, patient.via, signal);
  return patient.start(router, via, signal);
}

async function fillCall(draft: Draft, context: Context, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  try {
    const name = await context.with({ timeout: CALL_TIMEOUT_MS, signal }).call(hostname);
    const { facts } = draft.reach('first call', performance.now() - startedAt);
    facts['host name'] = clean(String(name));
    const roundTripMs = await context.ping({ timeout: CALL_TIMEOUT_MS, signal });
    facts['round trip ms'] = Math.round(roundTripMs * 100) / 100;
  } catch (error) {
    signal.throwIfAborted();
    draft.fail('first call', {
      problem: `the context is connected, and the first call failed: ${clean((error as Error).message)}`,
      remedy: "look at the host's memory and limits (ulimit -a), and try workThread: 'none'",
    });
  }
}

/** Nothing that is there will do, and yet Node runs: it was pushed, now or before. */
async function pushedFinding(
  missing: DoctorFinding,
  context: Context,
  signal: AbortSignal,
): Promise<DoctorFinding> {
  const there = await context
    .with({ timeout: CALL_TIMEOUT_MS, signal })
    .call(ownRuntime)
    .then(
      ({ path, bytes }) =>
        ` from ${clean(String(path))} (${Math.ceil(Number(bytes) / 2 ** 20)} MiB)`,
      () => '', // It runs, wherever it is. Of an abort the wait of `doctor` tells.
    );
  const version = clean(context.nodeVersion ?? 'one');
  return {
    problem: `${missing.problem}; ${version}, which Kinetin has sent there, runs${there}`,
    remedy:
      'nothing need be done: it stays there for the next time; to save what that takes, ' +
      missing.remedy,
  };
}

/** The same program as elsewhere, run by the context, since the hop has no ear for its answer. */
async function askBehind(
  draft: Draft,
  patient: Patient,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  if (patient.method === 'local' || draft.hasFailed) return;
  const marker = newMarker();
  const args = ['-c', probeScript(), 'kinetin-doctor', marker, patient.options.node ?? ''];
  const run = execFileSync as (file: string, args: string[], options: object) => string;
  try {
    const output = await context
      .with({ timeout: CALL_TIMEOUT_MS, signal })
      .call(run, '/bin/sh', args, { encoding: 'utf8', timeout: CALL_TIMEOUT_MS });
    fillAnswer(draft, readAnswer(Buffer.from(String(output)), marker));
  } catch (error) {
    signal.throwIfAborted();
    draft.get('node').findings.push({
      problem: `the host could not be asked what is on it: ${clean((error as Error).message)}`,
      remedy: 'nothing need be done: contexts work all the same',
    });
  }
}

function fillFailure(
  draft: Draft,
  patient: ReadyPatient,
  answer: ProbeAnswer | undefined,
  error: ConnectError,
): void {
  const { message, output = [], code } = error;
  if (code === 'ERR_VIA') {
    const remedy = 'the hop was well a moment ago: ask again, and look at its log';
    return draft.fail(draft.stages[0]!.stage, { problem: findingOf(error).problem, remedy });
  }
  const stage = failedStage(error, /^cannot trust /.test(message));
  const said = output.slice(-MAX_PRINTED).map(clean).join(' | ');
  const failed = draft.get(answer && isBeforeNode(draft, stage) ? 'bootstrap' : stage);
  if (said) failed.facts.output = said;
  if (stage === 'node' && /^ERR_(NO_NODE|NODE_TOO_OLD)$/.test(code)) {
    draft.fail('node', (answer && nodeFinding(answer)) ?? findingOf(error));
  } else if (failed.stage !== stage) {
    const finding = findingOf(error, [
      'the first connection worked: look for limits on how often, or on how many connections at ' +
        'once (MaxStartups, PerSourceMaxStartups, fail2ban), and ask again',
    ]);
    const problem = `the second connection failed at stage "${stage}": ${finding.problem}`;
    draft.fail('bootstrap', { ...finding, problem });
  } else {
    const isSsh = patient.method === 'ssh' && !answer;
    const remedies = isSsh ? sshRemedies(stage, error, patient.target as SshTarget, undefined) : [];
    const finding = findingOf(error, [...remedies, ...afterShell(stage)]);
    const missing = stage === 'node' ? (answer?.missing ?? []) : [];
    draft.fail(stage, missing.length > 0 ? withTools(finding, missing) : finding);
  }
}

/** A runtime is unpacked by tools of the host. */
function withTools({ problem, remedy }: DoctorFinding, missing: readonly string[]): DoctorFinding {
  const names = missing.join(', ');
  return {
    problem: `${problem}; ${names} cannot be run there`,
    remedy: `make ${names} run there (where they are parts of busybox: busybox --install); ${remedy}`,
  };
}

function isBeforeNode(draft: Draft, stage: DoctorStageName): boolean {
  const names = draft.stages.map((it) => it.stage);
  return names.indexOf(stage) < names.indexOf('node');
}

function afterShell(stage: DoctorStageName): string[] {
  if (stage !== 'bootstrap') return [];
  return [
    'Node starts there and the core does not come to life: read the output, look at its memory and ' +
      'limits (ulimit -a), and raise stageTimeouts.bootstrap on a slow link',
  ];
}

/** What is written until a child can be called, and what the work thread takes after it. */
function bootstrapBytes(patient: Patient): Record<string, number> {
  const { title, node, workThread, heartbeat } = patient.options;
  const core = pushedModule('core').packed;
  const thread = pushedModule('thread');
  const preamble = encodePreamble(core, 0, 1, {
    parentIds: [0],
    name: patient.label,
    logLevel: LEVELS.info,
    maxMessageBytes: limits.MAX_MESSAGE_BYTES,
    workThread,
    silenceMs: heartbeat.silenceMs,
    threadModule: Buffer.from(thread.hash, 'hex'),
  });
  const command = { ...preamble, marker: newMarker(), title, workThread: workThread === 'eager' };
  const line =
    patient.method === 'local' ? nodeArgs(command).join(' ') : commandLine(command, node);
  return {
    'bytes before ready': line.length + preamble.bytes.length,
    'of these command line': line.length,
    ...(workThread === 'none' ? {} : { 'bytes of the work thread': thread.packed.length }),
  };
}
