/** What is hard to bring about on one machine: networks that are down, and slow servers. */

import { ConnectError, type SshTarget, type Stage } from '@kinetin/core/parent';
import { expect } from 'chai';
import type { Examination } from '../../src/doctor/attempt.js';
import { Draft } from '../../src/doctor/draft.js';
import { sshRemedies } from '../../src/doctor/remedies.js';
import { SSH_STAGES } from '../../src/doctor/report.js';
import { fillSsh } from '../../src/doctor/ssh-stages.js';
import { SshWatch } from '../../src/doctor/ssh-watch.js';

const target: SshTarget = {
  hostname: '127.0.0.1',
  port: 2222,
  username: 'deploy',
  identitiesOnly: false,
  identities: [],
  hostKeys: { check: 'strict', known: [], revoked: [], authorities: [], files: 'kh' },
  keepalive: { intervalMs: 0, countMax: 3 },
  maxConnecting: 8,
};

function remedy(stage: 'resolve' | 'tcp' | 'auth', code: string, message: string): string {
  const watch = new SshWatch(target);
  return sshRemedies(stage, new ConnectError(code, message), target, watch).join('; ');
}

/** What is found where the stages were entered at these times, in ms. */
async function found(times: Partial<Record<Stage, number>>) {
  const draft = new Draft(SSH_STAGES);
  const watch = new SshWatch(target);
  const seen = { entered: new Map(Object.entries(times)), endedAt: 99_000, error: undefined };
  await fillSsh(draft, target, watch, seen as unknown as Examination);
  return draft;
}

describe('doctor/remedies', () => {
  it('tells a name server that does not answer from a name that is not', () => {
    expect(remedy('resolve', 'ERR_DNS', 'EAI_AGAIN')).to.contain('no name server has answered');
    expect(remedy('resolve', 'ERR_DNS', 'ENOTFOUND')).to.contain('check the spelling of 127.0.0.1');
  });

  it('tells a host that drops packets from one without a route', () => {
    for (const [code, message] of [
      ['ERR_CONNECT_TIMEOUT', 'stage "tcp" was not finished after 15000 ms'],
      ['ERR_TCP', '192.0.2.1 port 2222 (ETIMEDOUT)'],
    ] as const) {
      expect(remedy('tcp', code, message)).to.contain('a firewall drops what goes to port 2222');
    }
    expect(remedy('tcp', 'ERR_TCP', 'EHOSTUNREACH')).to.contain('no route to the address');
  });

  it('knows what makes logins wait, whether they end or not', async () => {
    const message = 'stage "auth" was not finished after 25000 ms';
    expect(remedy('auth', 'ERR_CONNECT_TIMEOUT', message)).to.contain('UseDNS no');
    const entered = { resolve: 0, tcp: 1, 'host key': 2, auth: 10 };
    const slow = (await found({ ...entered, shell: 3000 })).get('auth');
    expect(slow.ms).to.equal(2990);
    expect(slow.findings).to.have.length(1);
    expect(slow.findings[0]?.problem).to.equal('the login took 2990 ms');
    expect(slow.findings[0]?.remedy).to.contain('UseDNS no');
    expect((await found({ ...entered, shell: 100 })).get('auth').findings).to.deep.equal([]);
  });
});
