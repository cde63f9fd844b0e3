/** The stages of an SSH connection up to the login, from what was seen of it. */

import { lookup } from 'node:dns/promises';
import type { ConnectError, SshTarget, Stage } from '@kinetin/core/parent';
import type { Examination } from './attempt.js';
import type { Draft } from './draft.js';
import { findingOf, SLOW_LOGIN, sshRemedies } from './remedies.js';
import { clean, type DoctorStageName } from './report.js';
import type { SshWatch } from './ssh-watch.js';

/** Units: ms. A login that takes longer waits for something. */
const SLOW_MS = 2000;
/** Units: ms. After it the next address of a name is tried as well. */
const DEAD_ADDRESS_MS = 1000;
/** Refused keys before the one that works: servers take few. */
const MANY_REFUSED = 3;

/** Fills in what is known of the stages up to `auth`. Returns whether the login has worked. */
export async function fillSsh(
  draft: Draft,
  target: SshTarget,
  watch: SshWatch,
  seen: Examination,
): Promise<boolean> {
  const { entered, endedAt, error } = seen;
  const at = (stage: Stage) => entered.get(stage);
  const failed = error && failedStage(error as ConnectError, watch.hostKeyAt !== undefined);
  const spans: [DoctorStageName, number | undefined, number | undefined][] = [
    ['resolve', at('resolve'), at('tcp')],
    ['tcp', at('tcp'), at('host key')],
    ['key exchange', at('host key'), watch.hostKeyAt],
    ['host key', watch.hostKeyAt, at('auth')],
    ['auth', at('auth'), at('shell')],
  ];
  for (const [stage, from, to] of spans) {
    if (from !== undefined) draft.reach(stage, (to ?? endedAt) - from);
  }
  const isSsh = spans.some(([stage]) => stage === failed);
  watch.end(failed === 'auth' && (error as ConnectError).code === 'ERR_AUTH');
  await fillAddresses(draft, target, watch);
  fillKeyExchange(draft, watch);
  fillHostKey(draft, target, watch);
  fillAuth(draft, target, watch, failed === 'auth');
  if (failed && isSsh) {
    const remedies = sshRemedies(failed, error, target, watch);
    const { problem, remedy } = findingOf(error, remedies);
    // To those who connect, the key exchange is the first half of the check of the host key.
    const said = problem.replace('stage "host key"', `stage "${failed}"`);
    draft.fail(failed, { problem: said, remedy });
    return false;
  }
  return true;
}

/** What the error's stage is called here. */
export function failedStage(error: ConnectError, hasHostKey: boolean): DoctorStageName {
  const { stage, code } = error as Partial<ConnectError>;
  if (stage === 'host key') {
    return code === 'ERR_HOST_KEY' || hasHostKey ? 'host key' : 'key exchange';
  }
  // None: the hop was lost, or the router failed.
  if (stage === undefined || stage === 'ready') return 'bootstrap';
  const known: readonly string[] = ['resolve', 'tcp', 'auth', 'shell', 'node', 'bootstrap'];
  // A stage that is none of these is about the interpreter, or the push of one.
  return known.includes(stage) ? (stage as DoctorStageName) : 'node';
}

async function fillAddresses(draft: Draft, target: SshTarget, watch: SshWatch): Promise<void> {
  const resolve = draft.get('resolve');
  const tcp = draft.get('tcp');
  if (!tcp.isReached) return;
  // Once more, to tell them: the method does not.
  const all = await lookup(target.hostname, { all: true, verbatim: true }).catch(() => []);
  if (all.length > 0) resolve.facts.addresses = all.map(({ address }) => address).join(', ');
  tcp.facts.port = target.port;
  if (watch.address === undefined) return;
  tcp.facts.address = clean(watch.address);
  if (all.length > 1 && (tcp.ms ?? 0) > DEAD_ADDRESS_MS) {
    tcp.findings.push({
      problem: `an address of ${target.hostname} does not answer: only ${watch.address} did`,
      remedy: `mend the other addresses in DNS, or give hostname: '${watch.address}'`,
    });
  }
}

function fillKeyExchange(draft: Draft, watch: SshWatch): void {
  const { facts, findings, ms = 0 } = draft.get('key exchange');
  if (watch.server !== undefined) facts.server = watch.server;
  if (watch.agreed !== undefined) facts.algorithms = watch.agreed;
  if (watch.hostKeyAt !== undefined && ms > SLOW_MS) {
    findings.push({
      problem: `the server took ${Math.round(ms)} ms for its part of the key exchange`,
      remedy: 'look at its load, and at how many connections are under way there (MaxStartups)',
    });
  }
}

function fillHostKey(draft: Draft, target: SshTarget, watch: SshWatch): void {
  const { facts, findings } = draft.get('host key');
  if (!watch.hostKey) return;
  const { check, known, revoked, files } = target.hostKeys;
  facts.key = `${watch.hostKey.type} ${watch.hostKey.fingerprint}`;
  facts['known_hosts'] = clean(files || 'none');
  facts.check = check;
  facts.known = known.map(({ type, at }) => clean(`${type} at ${at}`)).join(', ') || 'none';
  if (revoked.length > 0) facts.revoked = revoked.map((entry) => clean(entry.at)).join(', ');
  if (check === 'off') {
    findings.push({
      problem: 'every host key is accepted: anyone on the way can read and change all',
      remedy: "leave checkHostKey at 'strict'",
    });
  }
}

function fillAuth(draft: Draft, target: SshTarget, watch: SshWatch, hasFailed: boolean): void {
  const auth = draft.get('auth');
  if (!auth.isReached) return;
  const { facts, findings, ms = 0 } = auth;
  auth.logins = watch.logins;
  facts.username = clean(target.username);
  facts.agent = agentFact(target, watch);
  if (watch.methodsOffered.length > 0) facts['server takes'] = watch.methodsOffered.join(', ');
  if (hasFailed) return;
  if (ms > SLOW_MS) {
    findings.push({ problem: `the login took ${Math.round(ms)} ms`, remedy: SLOW_LOGIN });
  }
  const refused = watch.logins.filter(
    ({ method, result }) => method === 'publickey' && result === 'rejected',
  ).length;
  if (refused >= MANY_REFUSED) {
    findings.push({
      problem: `${refused} keys were refused before one was taken: servers end a connection after about six`,
      remedy: 'name the key in identityFile and set identitiesOnly',
    });
  }
}

function agentFact(target: SshTarget, { agent }: SshWatch): string {
  if (target.agent === undefined) return 'none';
  if (!agent) return 'not asked';
  if ('problem' in agent) return `not usable (${agent.problem})`;
  return `${agent.keys} ${agent.keys === 1 ? 'key' : 'keys'}`;
}
