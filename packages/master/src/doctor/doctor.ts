/**
 * The doctor: goes through the stages of a connect one by one, and says what to mend. It makes two
 * connections: the first, by the very method that contexts are started with, asks the host what it is
 * like; the second starts a context and calls it.
 */

import { checkOptions, type WaitOptions, wait } from '@kinetin/core';
import type { SshTarget } from '@kinetin/core/parent';
import { examine } from './attempt.js';
import { fillContext } from './context-stages.js';
import { Draft } from './draft.js';
import { CONTEXT_STAGES, type DoctorReport, SSH_STAGES } from './report.js';
import { fillShell } from './shell-stages.js';
import { fillSsh } from './ssh-stages.js';
import { SshWatch } from './ssh-watch.js';
import { checkTarget, type DoctorTarget, type Patient, type ReadyPatient } from './targets.js';

/** See {@link doctor}. */
export interface DoctorOptions extends WaitOptions {}

/**
 * Connects to a host stage by stage and reports how far it came, how long each stage took, what was
 * found, and what to do about what is not as it should be. What is wrong with the host is in the report,
 * never thrown. Leaves nothing behind: what it starts has ended before the promise is settled.
 *
 * A first connection runs a small program of `sh` there, which makes an empty file in each folder that
 * could keep a pushed runtime, runs it, and removes it. A second one starts a context and calls it; with
 * `checkHostKey: 'accept-new'` that one adds the host's key to known_hosts, as `router.ssh` does.
 *
 * `timeout`: milliseconds for everything; without it, each connection has its own `connectTimeout`.
 *
 * @throws TypeError with the code ERR_INVALID_ARG, {@link TimeoutError} and the signal's reason, all
 * through the promise.
 *
 * @example
 * ```ts
 * import { doctor, formatDoctorReport } from '@kinetin/master';
 *
 * const report = await doctor('deploy@web1.example.com', { timeout: 60_000 });
 * console.log(formatDoctorReport(report));
 * ```
 */
export async function doctor(
  target: DoctorTarget,
  options: DoctorOptions = {},
): Promise<DoctorReport> {
  checkOptions('doctor', options, { timeout: 'number', signal: 'object' });
  const patient = checkTarget(target);
  const giveUp = new AbortController();
  let looking: Promise<DoctorReport> | undefined;
  try {
    return await wait<DoctorReport>(
      options,
      `the examination of ${patient.label}`,
      (resolve, reject) => {
        looking = look(patient, giveUp.signal);
        looking.then(resolve, reject);
      },
      (reason) => giveUp.abort(reason),
    );
  } finally {
    // Where it was given up, the wait has the reason; here it is the end that counts.
    await looking?.catch(() => {});
  }
}

/** Rejects with the signal's reason, once all that was started has ended. */
async function look(checked: Patient, signal: AbortSignal): Promise<DoctorReport> {
  // First: what is wrong with the options is told before anything connects.
  const patient = { ...checked, target: await checked.resolve() };
  const via = patient.via && (await look(patient.via, signal));
  const draft = new Draft(
    patient.method === 'ssh' ? [...SSH_STAGES, ...CONTEXT_STAGES] : CONTEXT_STAGES,
  );
  if (!via) await lookFromHere(draft, patient, signal);
  else if (via.outcome !== 'failed') await fillContext(draft, patient, undefined, signal);
  return draft.finish(patient.label, patient.method, via);
}

async function lookFromHere(
  draft: Draft,
  patient: ReadyPatient,
  signal: AbortSignal,
): Promise<void> {
  const target = patient.target as SshTarget;
  const watch = patient.method === 'ssh' ? new SshWatch(target) : undefined;
  const wrap = (library: unknown) => (watch ? watch.watch(library) : library);
  const seen = await examine(patient, wrap, signal);
  if (watch && !(await fillSsh(draft, target, watch, seen))) return;
  signal.throwIfAborted();
  if (fillShell(draft, seen)) await fillContext(draft, patient, seen.answer, signal);
}
