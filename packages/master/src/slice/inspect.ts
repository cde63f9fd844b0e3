/**
 * Asks V8 where a function was defined, and what text it ran there. Master only.
 *
 * One inspector session of this process on itself. Invariant: the Debugger domain is on only while
 * a text is fetched, within one synchronous call: it slows exceptions by 2 and awaits by 10, and
 * with it on, a `debugger` statement would stop the process for ever.
 */
import { type Debugger, Session } from 'node:inspector';

/** A text that V8 ran. */
export interface Script {
  readonly id: string;
  /** As the module system named it: a file URL, a path, or something that is no file. */
  readonly url: string;
  readonly text: string;
  readonly isModule: boolean;
  /** From its `sourceMappingURL` comment; empty: there is none. */
  readonly sourceMapUrl: string;
}

/** Where a function begins; line and column count from 0. */
export interface Location {
  readonly kind: 'script';
  readonly scriptId: string;
  readonly line: number;
  readonly column: number;
}

/** A function without a place in a script. */
export interface Unlocated {
  readonly kind: 'bound' | 'proxy' | 'native';
}

const SLOT = Symbol.for('kinetin.inspected');

let session: Session | undefined;
const scripts = new Map<string, Script>();

// biome-ignore lint/complexity/noBannedTypes: any function at all
export function locateFunction(fn: Function): Location | Unlocated {
  const slots = globalThis as { [SLOT]?: unknown };
  slots[SLOT] = fn;
  try {
    return readLocation();
  } finally {
    delete slots[SLOT];
  }
}

export function readScript(scriptId: string): Script {
  let script = scripts.get(scriptId);
  if (!script) {
    script = fetchScript(scriptId);
    scripts.set(scriptId, script);
  }
  return script;
}

function readLocation(): Location | Unlocated {
  const expression = `globalThis[Symbol.for("${SLOT.description}")]`;
  const { result } = post<RemoteObject>('Runtime.evaluate', { expression });
  const { objectId } = result;
  const { internalProperties = [] } = post<Properties>('Runtime.getProperties', {
    objectId,
    ownProperties: true,
  });
  post('Runtime.releaseObject', { objectId });
  const found = new Map(internalProperties.map(({ name, value }) => [name, value?.value]));
  const at = found.get('[[FunctionLocation]]') as Debugger.Location | undefined;
  if (at) {
    const { scriptId, lineNumber: line, columnNumber: column = 0 } = at;
    return { kind: 'script', scriptId, line, column };
  }
  if (found.has('[[TargetFunction]]')) return { kind: 'bound' };
  return { kind: found.has('[[Handler]]') ? 'proxy' : 'native' };
}

function fetchScript(id: string): Script {
  let parsed: Debugger.ScriptParsedEventDataType | undefined;
  const onParsed = ({ params }: { params: Debugger.ScriptParsedEventDataType }) => {
    if (params.scriptId === id) parsed = params;
  };
  const inspector = openSession();
  inspector.on('Debugger.scriptParsed', onParsed);
  try {
    post('Debugger.enable');
    const { scriptSource } = post<{ scriptSource: string }>('Debugger.getScriptSource', {
      scriptId: id,
    });
    const { url = '', isModule = false, sourceMapURL: sourceMapUrl = '' } = parsed ?? {};
    return { id, url, text: scriptSource, isModule, sourceMapUrl };
  } finally {
    post('Debugger.disable');
    inspector.off('Debugger.scriptParsed', onParsed);
  }
}

/** In-process sessions answer before `post` returns. */
function post<T>(method: string, params?: object): T {
  let failure: Error | null = null;
  let answer: unknown;
  openSession().post(method, params, (error, result) => {
    failure = error;
    answer = result;
  });
  if (failure) throw failure;
  return answer as T;
}

function openSession(): Session {
  if (!session) {
    session = new Session();
    session.connect();
  }
  return session;
}

interface RemoteObject {
  readonly result: { readonly objectId: string };
}

interface Properties {
  readonly internalProperties?: readonly { name: string; value?: { value?: unknown } }[];
}
