/** A report in the making. */

import {
  clean,
  type DoctorFinding,
  type DoctorFolder,
  type DoctorLogin,
  type DoctorNode,
  type DoctorReport,
  type DoctorStage,
  type DoctorStageName,
} from './report.js';

/** A stage that is being looked at. */
export interface StageDraft {
  stage: DoctorStageName;
  isReached: boolean;
  hasFailed: boolean;
  ms?: number;
  facts: Record<string, string | number>;
  findings: DoctorFinding[];
  logins?: DoctorLogin[];
  nodes?: DoctorNode[];
  folders?: DoctorFolder[];
}

/** The stages of one report, to be filled in. */
export class Draft {
  readonly stages: StageDraft[];

  constructor(names: readonly DoctorStageName[]) {
    this.stages = names.map((stage) => ({
      stage,
      isReached: false,
      hasFailed: false,
      facts: {},
      findings: [],
    }));
  }

  get(name: DoctorStageName): StageDraft {
    const found = this.stages.find(({ stage }) => stage === name);
    if (!found) throw new TypeError(`there is no stage ${name}`);
    return found;
  }

  /** The stage has been worked on, and so have those before it. */
  reach(name: DoctorStageName, ms?: number): StageDraft {
    const stage = this.get(name);
    for (const earlier of this.stages.slice(0, this.stages.indexOf(stage) + 1)) {
      earlier.isReached = true;
    }
    if (ms !== undefined) stage.ms = Math.round(ms * 100) / 100;
    return stage;
  }

  fail(name: DoctorStageName, finding: DoctorFinding): void {
    const stage = this.reach(name);
    stage.hasFailed = true;
    stage.findings.unshift(finding);
  }

  get hasFailed(): boolean {
    return this.stages.some(({ hasFailed }) => hasFailed);
  }

  finish(target: string, method: DoctorReport['method'], via?: DoctorReport): DoctorReport {
    const stages = this.stages.map(finishStage);
    const all = [...(via ? [via] : []), ...stages];
    const has = (outcome: string) => all.some((it) => it.outcome === outcome);
    const outcome: DoctorReport['outcome'] = has('failed')
      ? 'failed'
      : has('warning')
        ? 'warning'
        : 'ok';
    const report = { target: clean(target), method, ...(via ? { via } : {}), stages, outcome };
    return { ...report, verdict: verdict(report) } as const;
  }
}

function finishStage(draft: StageDraft): DoctorStage {
  const { isReached, hasFailed, ms, ...rest } = draft;
  const outcome = hasFailed
    ? 'failed'
    : !isReached
      ? 'not reached'
      : rest.findings.length > 0
        ? 'warning'
        : 'ok';
  return { ...rest, outcome, ms };
}

function verdict({
  via,
  stages,
  outcome,
}: Pick<DoctorReport, 'via' | 'stages' | 'outcome'>): string {
  if (via?.outcome === 'failed') return `the hop ${via.target} cannot be reached`;
  const failed = stages.find((stage) => stage.outcome === 'failed');
  if (failed) return `fails at stage "${failed.stage}": ${failed.findings[0]?.problem}`;
  if (outcome === 'ok') return 'all is well';
  const count = countFindings({ stages, ...(via ? { via } : {}) });
  return `works, with ${count} ${count === 1 ? 'finding' : 'findings'}`;
}

function countFindings({ via, stages }: Pick<DoctorReport, 'via' | 'stages'>): number {
  const own = stages.reduce((sum, { findings }) => sum + findings.length, 0);
  return own + (via ? countFindings(via) : 0);
}
