/** esbuild's complaints as errors for the user. Master only. */
import { SourceMap } from 'node:module';
import { resolve } from 'node:path';
import type { BuildFailure, Message, Metafile } from 'esbuild';
import { BundleError, SliceError } from '../errors.js';
import { importChain } from './chain.js';
import { withoutMark } from './entry.js';
import { PLUGIN_NAME } from './plugin.js';
import type { ModuleSource } from './source.js';

/** At most this many complaints are told: they tend to have one cause. */
const MAX_COMPLAINTS = 5;
const ADDON_ADVICE =
  'call a function that does without, or, where its package is installed on the target, name that in bundle.external';

export function bundleFailure(error: unknown, source: ModuleSource, folder: string): Error {
  const messages = (error as Partial<BuildFailure>).errors ?? [];
  const own = messages.find(({ detail }) => detail instanceof SliceError);
  if (own) return own.detail;
  const complaints = messages.slice(0, MAX_COMPLAINTS).map((message) => {
    const by = isOfUser(message) ? `plugin ${message.pluginName}: ` : '';
    return `${by}${message.text}${placeOf(message, source, folder)}`;
  });
  if (messages.length > MAX_COMPLAINTS)
    complaints.push(`and ${messages.length - MAX_COMPLAINTS} more`);
  if (complaints.length === 0) complaints.push(String(error));
  const message = `cannot bundle ${source.name}: ${complaints.join(', ')}; ${advice(messages)}`;
  const cause = messages.filter(isOfUser).find(({ detail }) => detail instanceof Error)?.detail;
  return new BundleError('ERR_BUNDLE', message, cause);
}

/** @throws {BundleError} ERR_NATIVE_ADDON: the bundle needs one. */
export function checkNoAddons({ inputs, outputs }: Metafile, name: string): void {
  const used = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  const addon = used.find((path) => path.endsWith('.node'));
  if (addon === undefined) return;
  const chain = importChain(inputs, used, addon).join(' > ');
  const why = `native addons do not travel, and it imports one: ${chain}`;
  const message = `cannot bundle ${name}: ${why}; ${ADDON_ADVICE}`;
  throw new BundleError('ERR_NATIVE_ADDON', message);
}

function placeOf({ location }: Message, { file, map }: ModuleSource, folder: string): string {
  if (!location) return '';
  const path = resolve(folder, withoutMark(location.file));
  const isEntry = path === file;
  const entry = isEntry && map && new SourceMap(map).findEntry(location.line - 1, location.column);
  if (entry && 'originalSource' in entry) {
    const { originalSource, originalLine, originalColumn } = entry;
    return ` (${originalSource}:${originalLine + 1}:${originalColumn + 1})`;
  }
  return ` (${path}:${location.line}:${location.column + 1})`;
}

function advice(messages: readonly Message[]): string {
  const text = messages.map((message) => message.text).join('\n');
  if (/top-level await/i.test(text)) return 'move the await into a function';
  const missing = /could not resolve(?: "([^"]*)")?/i.exec(text);
  if (missing) {
    const [, name = ''] = missing;
    if (name.endsWith('.node')) return `it is a native addon: ${ADDON_ADVICE}`;
    if (/^\.{0,2}\//.test(name)) return 'correct the path';
    return 'install what is missing where the program runs';
  }
  if (/no loader is configured/i.test(text)) {
    return 'name one for such files in bundle.loader, an option of the router';
  }
  if (messages.some(isOfUser)) return 'see to the plugin';
  return 'correct the module named';
}

function isOfUser({ pluginName }: Message): boolean {
  return pluginName !== '' && pluginName !== PLUGIN_NAME;
}
