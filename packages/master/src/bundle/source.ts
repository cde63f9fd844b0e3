/** What is bundled. */

import type { SourceMapPayload } from 'node:module';

/** What to bundle. */
export interface ModuleSource {
  readonly text: string;
  readonly name: string;
  /** Imports are resolved from here, and `import.meta.url` says so; undefined: from the cwd. */
  readonly file: string | undefined;
  /** From `text` to what somebody wrote, with absolute paths as sources. */
  readonly map: SourceMapPayload | undefined;
  /** An ES module whose exports do not change: stacks can then say by what names they are called. */
  readonly isModule?: boolean;
  /** What modules of the bundle get that import `file` in turn; undefined: the file itself. */
  readonly exportsText?: (() => string) | undefined;
}
