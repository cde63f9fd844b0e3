/**
 * Rows of the result: what each says, how it is printed, and how it is written as JSON.
 */

/** What a ratio, or where there is no yardstick the value itself, is to reach. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface Measured {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, measured in the same run. */
  readonly yardstick?: string | undefined;
  /** In the same unit. */
  readonly yardstickValue?: number | undefined;
  /** Rows without a goal are there to compare. */
  readonly goal?: Goal | undefined;
  /** The goal is one of the value, though there is a yardstick. */
  readonly isGoalOfValue?: boolean;
}

/** One element of the JSON file. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  yardstick: string | null;
  yardstickValue: number | null;
  /** `value` by `yardstickValue`. */
  ratio: number | null;
  /** A bound of `ratio`, or of `value` where the row counts something or has no yardstick. */
  goal: number | null;
  met: boolean | null;
}

export function toRow(measured: Measured): Row {
  const { name, value, unit, yardstick, yardstickValue, goal } = measured;
  const ratio = yardstickValue === undefined ? null : value / yardstickValue;
  return {
    name,
    value: rounded(value),
    unit,
    yardstick: yardstick ?? null,
    yardstickValue: yardstickValue === undefined ? null : rounded(yardstickValue),
    ratio: ratio === null ? null : rounded(ratio),
    goal: goal ? boundOf(goal) : null,
    met: goal ? isMet(goal, judged(measured)) : null,
  };
}

/** What the goal is about. */
function judged({ value, yardstickValue, isGoalOfValue }: Measured): number {
  return yardstickValue === undefined || isGoalOfValue ? value : value / yardstickValue;
}

function boundOf(goal: Goal): number {
  return 'atMost' in goal ? goal.atMost : goal.atLeast;
}

function isMet(goal: Goal, value: number): boolean {
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

const HEADINGS = ['name', 'value', '', 'yardstick', '', 'ratio', 'goal', ''];
const WIDTHS = [30, 9, 8, 21, 9, 6, 12, 6];
/** Columns of numbers stand at the right. */
const IS_NUMBER = [false, true, false, false, true, true, false, false];

export function heading(): string {
  return line(HEADINGS);
}

export function printed(measured: Measured): string {
  const { name, value, unit, yardstick, yardstickValue, ratio, met } = toRow(measured);
  return line([
    name,
    number(value),
    unit,
    yardstick ?? '',
    yardstickValue === null ? '' : number(yardstickValue),
    ratio === null ? '' : ratio.toFixed(2),
    goalText(measured),
    met === null ? '' : met ? 'met' : 'missed',
  ]);
}

function goalText({ goal, yardstickValue, isGoalOfValue, unit }: Measured): string {
  if (!goal) return '';
  const of = yardstickValue === undefined || isGoalOfValue ? unit : 'x';
  return `${'atMost' in goal ? '<=' : '>='} ${number(boundOf(goal))} ${of}`;
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
}

function line(cells: string[]): string {
  return cells
    .map((cell, i) => (IS_NUMBER[i] ? cell.padStart(WIDTHS[i]!) : cell.padEnd(WIDTHS[i]!)))
    .join(' ')
    .trimEnd();
}
