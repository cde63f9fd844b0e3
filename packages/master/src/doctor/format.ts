/** Reports as text: plain ASCII, one line for each stage, what there is to say below it. */

import { printable } from '@kinetin/core';
import type {
  DoctorFinding,
  DoctorFolder,
  DoctorLogin,
  DoctorNode,
  DoctorReport,
  DoctorStage,
} from './report.js';

const STAGE_WIDTH = 14;
const OUTCOME_WIDTH = 12;
const TIME_WIDTH = 10;

export interface DoctorFormat {
  /**
   * Whether to show how long things took.
   * @defaultValue true
   */
  times?: boolean | undefined;
}

/**
 * A report as lines of plain ASCII for a terminal: other characters, and control characters that the
 * other side has sent, are escapes as in `\u00e9`.
 */
export function formatDoctorReport(
  report: DoctorReport,
  { times = true }: DoctorFormat = {},
): string {
  return lines(report, times).map(ascii).join('\n');
}

function lines(report: DoctorReport, times: boolean): string[] {
  const { target, method, via, stages, verdict } = report;
  return [
    ...(via ? [...lines(via, times), ''] : []),
    `${target} (${method}${via ? `, via ${via.target}` : ''})`,
    ...stages.flatMap((stage) => stageLines(stage, times)),
    `verdict: ${verdict}`,
  ];
}

function stageLines(stage: DoctorStage, times: boolean): string[] {
  const { outcome, ms, facts, logins = [], nodes = [], folders = [], findings } = stage;
  const head =
    `  ${stage.stage.padEnd(STAGE_WIDTH)}${outcome.padEnd(OUTCOME_WIDTH)}` +
    (times ? time(ms).padStart(TIME_WIDTH) : '');
  return [
    head.trimEnd(),
    ...Object.entries(facts)
      .filter(([name]) => times || !/ ms$/.test(name))
      .map(([name, value]) => `      ${name}: ${value}`),
    ...logins.map((login) => `      tried ${describeLogin(login, times)}`),
    ...nodes.map((node) => `      found ${describeNode(node)}`),
    ...folders.map((folder) => `      folder ${describeFolder(folder)}`),
    ...findings.flatMap(describeFinding),
  ];
}

function time(ms: number | undefined): string {
  return ms === undefined ? '' : `${ms.toFixed(1)} ms`;
}

function describeLogin(login: DoctorLogin, times: boolean): string {
  const { method, keySource, keyType, fingerprint, comment, result, reason, ms } = login;
  const key = [keySource, keyType, fingerprint, comment && `"${comment}"`]
    .filter(Boolean)
    .join(' ');
  const what = key === '' ? method : `${method} ${key}`;
  const why = reason === undefined ? '' : ` (${reason})`;
  return `${what}: ${result}${why}${times && ms !== undefined ? `, ${time(ms)}` : ''}`;
}

function describeNode({ path, version, isUsable }: DoctorNode): string {
  return `${path}: ${version}${isUsable ? '' : ', not usable'}`;
}

function describeFolder({ path, state, freeBytes }: DoctorFolder): string {
  const free = freeBytes === undefined ? '' : `, ${Math.floor(freeBytes / 2 ** 20)} MiB free`;
  return `${path}: ${state}${free}`;
}

function describeFinding({ problem, remedy }: DoctorFinding): string[] {
  return [`      problem: ${problem}`, `      mend: ${remedy}`];
}

function ascii(line: string): string {
  return printable(line).replace(
    /[^\t\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
