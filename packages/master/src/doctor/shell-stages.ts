/** The stages `shell` and `node`, from what the host has said of itself. */

import type { ConnectError } from '@kinetin/core/parent';
import type { Examination } from './attempt.js';
import type { Draft } from './draft.js';
import type { ProbeAnswer } from './probe.js';
import { findingOf } from './remedies.js';
import type { DoctorFinding, DoctorStageName } from './report.js';

/** Lines of what a host printed that a problem shows. */
const SHOWN_LINES = 3;

/** Units: ms. A shell that takes longer does something else first. */
const SLOW_MS = 2000;

/** Fills in both stages. Returns whether the host has answered. */
export function fillShell(draft: Draft, seen: Examination): boolean {
  const { entered, shellAt, endedAt, answer, notes, error } = seen;
  const from = entered.get('shell');
  if (from !== undefined) draft.reach('shell', (shellAt ?? endedAt) - from);
  if (shellAt !== undefined) draft.reach('node', endedAt - shellAt);
  fillAnswer(draft, answer);
  const shell = draft.get('shell');
  if (notes.length > 0) shell.facts['said besides'] = notes.slice(-SHOWN_LINES).join(' | ');
  if (error) {
    const stage = shellAt === undefined ? 'shell' : 'node';
    draft.fail(stage, failure(stage, error as ConnectError, seen));
    return false;
  }
  if ((shell.ms ?? 0) > SLOW_MS) {
    shell.findings.push({
      problem: `the login shell took ${Math.round(shell.ms ?? 0)} ms to run a command`,
      remedy: 'look at what the profile of the account does: ~/.bashrc, ~/.zshenv and their like',
    });
  }
  const noise = noiseFinding(answer);
  if (noise) shell.findings.push(noise);
  return true;
}

/** Fills in the facts of an answer, however it was come by. */
export function fillAnswer(draft: Draft, answer: ProbeAnswer): void {
  const shell = draft.get('shell');
  const { login, user, home, path, system, missing } = answer;
  // Of this host itself, only the interpreter is asked.
  if (answer.folders.length > 0) {
    for (const [name, value] of Object.entries({ login, user, home, path, system })) {
      shell.facts[name] = value || 'unknown';
    }
  }
  if (missing.length > 0) shell.facts.missing = missing.join(', ');
  if (answer.folders.length > 0) shell.folders = answer.folders;
  if (answer.hasShell) draft.get('node').nodes = answer.nodes;
}

/** What is to be said where no interpreter will do; undefined where one does. */
export function nodeFinding({ nodes }: ProbeAnswer): DoctorFinding | undefined {
  if (nodes.some(({ isUsable }) => isUsable)) return undefined;
  const found = nodes.map(({ path, version }) => `${path} (${version})`).join(', ');
  const problem =
    nodes.length === 0
      ? 'no Node was found'
      : `no usable Node was found, 12.22 or later is needed: ${found}`;
  return {
    problem,
    remedy: 'install Node 12.22 or later there, or give the path of one in node',
  };
}

function noiseFinding({ noiseBytes, noise }: ProbeAnswer): DoctorFinding | undefined {
  if (noiseBytes === 0) return undefined;
  const first = noise[0] === undefined ? '' : `, beginning with "${noise[0].slice(0, 80)}"`;
  return {
    problem: `the login prints ${noiseBytes} bytes before a command runs${first}`,
    remedy:
      'it does no harm here, but breaks scp and rsync and costs time: print only in interactive ' +
      'shells, as in "case $- in *i*) ...;; esac" in the profile of the account',
  };
}

function failure(stage: DoctorStageName, error: ConnectError, seen: Examination): DoctorFinding {
  const { code } = error;
  const said = [...seen.answer.noise, ...seen.notes];
  const last = said.slice(-SHOWN_LINES).join(' | ');
  if (code === 'ERR_SSH') {
    return findingOf(error, [
      'the server lets this account start no command: look at MaxSessions, ForceCommand and the ' +
        'options of the key in authorized_keys; its log says why',
    ]);
  }
  if (code === 'ERR_SPAWN') {
    return findingOf(error, ['check that this program is on this host, and that it may be run']);
  }
  if (code === 'ERR_CONNECT_TIMEOUT') {
    const problem = `${error.message}${last ? `; it printed "${last}"` : ''}`;
    return {
      problem,
      remedy:
        stage === 'node'
          ? 'one of the programs called node there does not end, or a folder in PATH does not answer ' +
            '(a network file system): give the path of the right one in node'
          : 'a profile of the account may wait for input, or for a network file system: run ' +
            '"ssh HOST true" and see where it stays',
    };
  }
  if (code === 'ERR_HANDSHAKE') {
    const printed = last ? `it printed "${last}" and ` : 'it printed nothing and ';
    const ended = seen.exit ? `ended with ${seen.exit}` : 'has not answered';
    const what =
      stage === 'shell' ? 'the login shell did not run the command' : 'the command did not finish';
    return { problem: `${what}: ${printed}${ended}`, remedy: shellRemedy(last, seen) };
  }
  return findingOf(error);
}

function shellRemedy(said: string, { exit, answer }: Examination): string {
  if (/not available|nologin|no login|account.*(disabled|expired)/i.test(said)) {
    return 'the account has no login shell: give it one (usermod -s /bin/sh USER), or use another';
  }
  if (/password.*expired|change.*password/i.test(said)) {
    return 'the password of the account has expired: change it there by hand';
  }
  if (/No such container|is not running|docker daemon/i.test(said)) {
    return 'check the name of the container (docker ps), and that the daemon can be reached';
  }
  if (/\/bin\/sh.*(no such file|not found)/i.test(said)) {
    return 'there is no /bin/sh: there is no way in without a shell';
  }
  if (answer.noiseBytes > 0 || exit === 'status 0') {
    return (
      'something else runs in place of the command: look for command= in authorized_keys, for ' +
      'ForceCommand in sshd_config, and for an exec in the profile of the account'
    );
  }
  return (
    'the account may have no login shell (see its line in /etc/passwd), or its profile ends early: ' +
    'run "ssh HOST true; echo $?"'
  );
}
