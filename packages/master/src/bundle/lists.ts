/** Refuses what the lists of a router's option `bundle` keep here. Master only. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import { BundleError } from '../errors.js';
import { importChain } from './chain.js';
import { hasMark, UNNAMED, withoutMark } from './entry.js';
import { isStandIn } from './external.js';
import { type KnownFile, knownFile } from './listed.js';
import type { BundleRules } from './rules.js';
import type { ModuleSource } from './source.js';

const NOT_ALLOWED = 'nothing in bundle.allow of the router stands for it';

/**
 * Looks at the file of the function itself: the bundler knows its text alone.
 *
 * @throws {BundleError} ERR_DENIED; ERR_BUNDLE where the package that it is of is external.
 */
export function checkOwnFile({ file, name }: ModuleSource, rules: BundleRules): void {
  const { externalFiles, allow, deny } = rules;
  if (file === undefined) {
    if (allow) throw denied(name, 'its text', NOT_ALLOWED, 'it is of no file');
    return;
  }
  if (externalFiles.length + deny.length === 0 && !allow) return;
  const known = knownFile(file, [], new Map());
  const reason = refusal(known, rules);
  if (reason !== undefined) throw denied(name, file, reason, 'it is of that file');
  if (!externalFiles.some((listed) => listed.matches(known))) return;
  const [ofPackage = file] = known.names;
  const why = `it is of ${ofPackage}, which is in bundle.external and so is not sent`;
  const advice = 'call a function of your own that imports it';
  throw new BundleError('ERR_BUNDLE', `cannot bundle ${name}: ${why}; ${advice}`);
}

/**
 * Looks at every file that imports have led to, needed or not: what the bundler leaves out can have left
 * its values behind, as enums do.
 *
 * @throws {BundleError} ERR_DENIED
 */
export function checkLists(
  { inputs }: Metafile,
  { name, file }: ModuleSource,
  folder: string,
  rules: BundleRules,
): void {
  if (!rules.allow && rules.deny.length === 0) return;
  const entry = file ?? resolve(folder, UNNAMED);
  const specifiers = specifiersOf(inputs);
  const packages = new Map<string, string | undefined>();
  for (const input of Object.keys(inputs)) {
    // Of the entry alone: others may be imported with a mark behind their names.
    const isEntry = hasMark(input) && resolve(folder, withoutMark(input)) === entry;
    if (isEntry || isStandIn(input)) continue;
    const path = fileOf(input, folder);
    if (path === undefined) continue;
    const known = knownFile(path, specifiers.get(input) ?? [], packages);
    const reason = refusal(known, rules);
    if (reason === undefined) continue;
    const chain = importChain(inputs, Object.keys(inputs), input).join(' > ');
    throw denied(name, input, reason, chain);
  }
}

/** The file that a path of the bundler's stands for; undefined where a plugin has made it up. */
function fileOf(input: string, folder: string): string | undefined {
  const path = resolve(folder, input);
  const own = /^[^/\\]*?:(.*)$/s.exec(input)?.[1];
  if (own === undefined || existsSync(path)) return path;
  const behind = resolve(folder, own.replace(/[?#].*$/, ''));
  return existsSync(behind) ? behind : undefined;
}

/** By what names each file was imported. */
function specifiersOf(inputs: Metafile['inputs']): Map<string, string[]> {
  const specifiers = new Map<string, string[]>();
  for (const { path, original } of Object.values(inputs).flatMap(({ imports }) => imports)) {
    if (original !== undefined) specifiers.set(path, [...(specifiers.get(path) ?? []), original]);
  }
  return specifiers;
}

/** Why the rules keep a file here; undefined: they do not. */
function refusal(file: KnownFile, { allow, deny }: BundleRules): string | undefined {
  const entry = deny.find((listed) => listed.matches(file));
  if (entry) return `bundle.deny of the router has ${JSON.stringify(entry.shown)}`;
  if (!allow || allow.some((listed) => listed.matches(file))) return undefined;
  return NOT_ALLOWED;
}

function denied(name: string, file: string, reason: string, how: string): BundleError {
  const why = `${file} must not leave, since ${reason}: ${how}`;
  const message = `cannot bundle ${name}: ${why}; call a function that does without`;
  return new BundleError('ERR_DENIED', message);
}
