/**
 * Checks that no name is shortened in what is pushed that users see or that travels: members of the
 * public classes and interfaces, and of the interfaces below, whose objects go from context to context.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, report, root } from './files.js';
import { SHORTENED } from './shortened.js';

/** Where names of the public API are exported. */
const ENTRY = 'packages/master/src/index.ts';

/** Files whose exported interfaces all travel, or are posted to another thread; others by name. */
const TRAVELLING: Readonly<Record<string, readonly string[]>> = {
  'packages/core/src/inspect/report.ts': [],
  'packages/core/src/parent/attempt.ts': ['ExitStatus'],
  'packages/core/src/parent/connection.ts': ['ConnectRequest', 'Connected'],
  'packages/core/src/parent/keepalive.ts': ['KeepaliveOptions'],
  'packages/core/src/parent/main.ts': ['HopRequest', 'StartRequest'],
  'packages/core/src/parent/methods': [],
  'packages/core/src/parent/ssh/target.ts': [],
  'packages/core/src/runtime/config.ts': ['Config', 'ThreadBoot'],
  'packages/core/src/thread/one-of-several.ts': ['Claim', 'Introduction'],
  'packages/core/src/thread/testament.ts': ['Testament'],
};

/** An exported interface, object type or class, as the formatter lays it out. */
const DECLARATION =
  /^export (?:abstract )?(?:interface|class|type) (\w+)(?:(?!;\n|^export ).)*?\{\n(.*?)^\}/gms;

/** Two spaces deep; parameters of a constructor that are members are four deep. */
const MEMBER =
  /^(?: {2}(?!private )(?:(?:readonly|static|override|declare|abstract|async|get|set) )*'?([A-Za-z]\w*)'?[?!]?[:(<;= ]| {4}readonly (\w+): )/gm;

const entry = read(ENTRY);
const complaints: string[] = [];
let checked = 0;
for (const path of listFiles('packages', /^packages\/[^/]+\/src\/.*\.ts$/)) {
  const travelling = Object.entries(TRAVELLING).find(([place]) => path.startsWith(place))?.[1];
  for (const { name, members } of declarations(read(path))) {
    // The core's router has the name of the public one.
    const isPublic = !path.includes('/routing/') && new RegExp(`\\b${name}\\b`).test(entry);
    const travels = travelling && (travelling.length === 0 || travelling.includes(name));
    if (!isPublic && !travels) continue;
    for (const member of members) {
      checked++;
      if (!SHORTENED.includes(member)) continue;
      const why = isPublic ? 'users see it' : 'it travels';
      complaints.push(
        `${path}: ${name}.${member} is in SHORTENED (scripts/shortened.ts), and ${why}`,
      );
    }
  }
}
// A check that finds nothing to check has lost its way.
if (checked < 200)
  complaints.push(`only ${checked} members were found: mend scripts/check-names.ts`);
report(complaints, `none of ${checked} names that users see or that travel is shortened`);

interface Declaration {
  readonly name: string;
  readonly members: readonly string[];
}

function declarations(text: string): Declaration[] {
  return [...text.matchAll(DECLARATION)].map(([, name = '', body = '']) => ({
    name,
    members: [...body.matchAll(MEMBER)].map(([, member, parameter]) => member ?? parameter ?? ''),
  }));
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
