import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { requirePart } from '../../../../test/support/parts.js';
import { type CommandOptions, commandLine, newMarker, nodeArgs } from '../../src/parent/command.js';
import { EXEC_NODE, NODE_STAGE, SHELL_STAGE } from '../../src/parent/first-stage.js';

const OPTIONS: CommandOptions = {
  marker: 'kinetin-q3x9zk',
  title: 'kinetin:me@host.example.com:123',
  coreBytes: 9000,
  preambleBytes: 9300,
  workThread: true,
};
const SHELLS = ['sh', 'bash', 'dash', 'zsh', 'fish', 'tcsh', 'csh'];
/** What may be `/bin/sh` somewhere: the program and what comes before `-c`. */
const POSIX_SHELLS = [['dash'], ['bash', '--posix'], ['busybox', 'sh'], ['zsh', '--emulate', 'sh']];
const EVERY_PLACE = [
  'nvm',
  'fnm',
  'old fnm',
  'volta',
  'asdf',
  'mise',
  'nodenv',
  'n',
  '~/.local/bin',
];

const fileOf = (program: string): string | undefined =>
  ['/bin', '/usr/bin', '/usr/local/bin'].map((folder) => join(folder, program)).find(existsSync);

/** A stub of Node: prints a version, and as the first stage what it was given and reads. */
const stub = (version: string): string => `#!/bin/sh
[ "$1" = -v ] && { ${version}; exit; }
printf '%s node stub %s\\n' "$4" "$$" >&4
printf '%s\\n' "$0" "$#" "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" >&4
/bin/cat <&3 >&4
echo 'printed by user code'
/bin/cat
`;

interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
  /** The stub that was run, by its path in the folder; undefined where none was. */
  chosen: string | undefined;
}

describe('parent/command', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'kinetin-command-'));
    mkdirSync(join(root, 'my home'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** Puts a stub at a path in the folder of the test. */
  function install(path: string, version: string): void {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, stub(version.startsWith('v') ? `echo ${version}` : version));
    chmodSync(file, 0o755);
  }

  /** Makes the folders of the real machine ones of the test's folder: they have a Node, perhaps. */
  const inRoot = (text: string): string => text.replace(/ \/(usr|snap|opt)\//g, ` ${root}/$1/`);

  function run(file: string, args: string[], path = 'bin', variables = {}): Ran {
    const folders = path.split(':').map((folder) => join(root, folder));
    const { status, stdout, stderr } = spawnSync(file, args.map(inRoot), {
      input: 'bytes of the core',
      encoding: 'utf8',
      cwd: root,
      env: { PATH: folders.join(':'), HOME: join(root, 'my home'), ...variables },
    });
    const [, chosen] = /node stub \d+\n(.*)\n/.exec(stdout) ?? [];
    return { status, stdout, stderr, chosen: chosen?.slice(root.length + 1) };
  }

  const runLine = (shell: string, line = commandLine(OPTIONS), path?: string) =>
    run(shell, ['-c', line], path);

  /** As the login shell does it, by whatever is /bin/sh there. */
  function runStage(
    [program, ...flags]: string[],
    path?: string,
    stage = SHELL_STAGE,
    variables?: Record<string, string>,
  ): Ran {
    const { marker, title, coreBytes, preambleBytes } = OPTIONS;
    const rest = ['kinetin', marker, NODE_STAGE, title, String(coreBytes), String(preambleBytes)];
    const args = [...flags, '-c', stage, ...rest];
    return run(fileOf(program as string) as string, args, path, variables);
  }

  describe('the texts of the first stage', () => {
    for (const [name, text] of Object.entries({ SHELL_STAGE, EXEC_NODE, NODE_STAGE })) {
      it(`survive single quotes of every shell (${name})`, () => {
        expect(text).not.to.match(/['!\n\r]|\\\\/);
        expect(text).not.to.match(/\\$/);
        expect(text).to.match(/^[ -~]+$/);
      });
    }

    it('stand as they are in the command line', () => {
      const line = commandLine(OPTIONS);
      for (const text of [SHELL_STAGE, NODE_STAGE]) expect(line).to.contain(`'${text}'`);
      expect(line).to.contain(OPTIONS.title);
    });

    it('are the program and arguments of a Node that is started directly', () => {
      expect(nodeArgs(OPTIONS)).to.deep.equal([
        ...['-e', NODE_STAGE, OPTIONS.title, OPTIONS.marker],
        ...['9000', '9300', '3', '1'],
      ]);
    });

    it('start no work thread that is not wanted', () => {
      const options = { ...OPTIONS, workThread: false };
      expect(nodeArgs(options).pop()).to.equal('3');
      expect(commandLine(options)).to.match(/ 9000 9300$/);
    });
  });

  describe('the marker', () => {
    it('is new each time, and needs no quotes', () => {
      const markers = Array.from({ length: 1000 }, newMarker);
      expect(new Set(markers).size).to.equal(1000);
      // Of 64 bits: no one who sees many of them, but not this one, can have the shell run a line.
      for (const marker of markers) expect(marker).to.match(/^kinetin-[0-9a-f]{16}$/);
    });
  });

  for (const shell of SHELLS) {
    describe(`in ${shell}`, () => {
      const file = fileOf(shell) as string;
      before(requirePart(shell, file !== undefined));

      it('starts the newest Node with all it needs, and its input and output beside', () => {
        install('bin/node', 'v18.2.0');
        install('usr/local/bin/node', 'v20.11.1');
        install('usr/bin/nodejs', 'v12.22.12');
        const { stdout, stderr, status } = runLine(file);
        const { marker, title } = OPTIONS;
        expect(stdout.replace(/stub \d+/, 'stub')).to.equal(
          [
            `${marker} shell`,
            `${marker} node stub`,
            join(root, 'usr/local/bin/node'),
            ...['8', '-e', NODE_STAGE, title, marker, '9000', '9300', '4', '1'],
            'bytes of the core',
          ].join('\n'),
        );
        expect(stderr).to.contain('printed by user code');
        expect(status).to.equal(0);
      });

      it('says that it found none', () => {
        const { stdout, status } = runLine(file);
        expect(stdout).to.equal(`${OPTIONS.marker} shell\n${OPTIONS.marker} none\n`);
        expect(status).to.equal(127);
      });

      it('starts the Node that it is told to, whatever its path', () => {
        for (const path of [
          'own/node',
          'with space/n o d e',
          'dollar$HOME`x`"/node',
          'ä#;&|/no*de',
        ]) {
          install(path, 'v20.0.0');
          const { chosen, stderr } = runLine(file, commandLine(OPTIONS, join(root, path)));
          expect(chosen, stderr).to.equal(path);
        }
      });

      it('is not misled by a title or a marker with odd characters', () => {
        install('bin/node', 'v20.0.0');
        const title = 'a b\'c"d$e!f`g;h#i*\\';
        const { stdout, chosen } = runLine(file, commandLine({ ...OPTIONS, title }));
        expect(chosen).to.equal('bin/node');
        expect(stdout).to.contain('\na b_c"d$e_f`g;h#i*_\n');
      });
    });
  }

  for (const shell of POSIX_SHELLS) {
    describe(`with ${shell.join(' ')} as /bin/sh`, () => {
      before(requirePart(shell[0] as string, fileOf(shell[0] as string) !== undefined));

      it('starts the newest, wherever it stands and however versions are spelled', () => {
        install('one/node', 'v12.22.0');
        install('two/nodejs', 'v22.9.0');
        install('three/node', 'v22.10.0-rc.1');
        install('usr/bin/node', 'v9.99.99');
        expect(runStage(shell, 'one:two:three').chosen).to.equal('three/node');
        expect(runStage(shell, 'three:two:one').chosen).to.equal('three/node');
        expect(runStage(shell, 'one:two').chosen).to.equal('two/nodejs');
      });

      it('starts the first of equal ones', () => {
        install('one/node', 'v20.1.0');
        install('two/node', 'v20.1.9');
        expect(runStage(shell, 'one:two').chosen).to.equal('one/node');
      });

      it('reports all that are too old, broken or silent', () => {
        install('bin/node', 'v12.21.0');
        install('usr/bin/nodejs', 'v0.10.48');
        install('usr/local/bin/node', 'exit 1');
        install('my home/.local/bin/node', 'echo hello');
        const { stdout, chosen, status } = runStage(shell);
        expect(chosen).to.equal(undefined);
        expect(status).to.equal(127);
        const words = stdout.trim().split('\n').at(-1)?.split(`${OPTIONS.marker} none `)[1];
        const found = ['bin/node=v12.21.0', 'usr/local/bin/node=broken', 'usr/bin/nodejs=v0.10.48'];
        for (const one of found) expect(words).to.contain(join(root, one));
        expect(words).to.contain('.local/bin/node=hello');
      });

      it('passes over what is too old or broken for one that will do', () => {
        install('bin/node', 'v10.24.1');
        install('usr/bin/node', 'kill -SEGV $$');
        install('usr/local/bin/node', 'v12.22.0');
        writeFileSync(join(root, 'bin/nodejs'), 'not executable');
        mkdirSync(join(root, 'opt/homebrew/bin/node'), { recursive: true });
        expect(runStage(shell).chosen).to.equal('usr/local/bin/node');
      });

      for (const version of [
        'echo v09.1.0',
        'echo v1beta.2',
        'echo v1.x',
        'echo "v20.1.0 extra"',
        'printf "warning\\nv20.1.0"',
      ]) {
        it(`is not ended by something called node that says: ${version}`, () => {
          install('bin/node', version);
          install('usr/bin/node', 'v16.0.0');
          const { chosen, stderr } = runStage(shell);
          expect(['usr/bin/node', 'bin/node'], stderr).to.include(chosen);
        });
      }

      // That shell prefers a `timeout` of its own, which is of another kind.
      if (shell[0] !== 'busybox') {
        it('passes over what does not say its version in time, where there is a `timeout`', () => {
          install('bin/node', 'exec /bin/sleep 1000');
          install('usr/bin/node', 'v20.1.0');
          symlinkSync(fileOf('timeout') as string, join(root, 'bin/timeout'));
          const stage = SHELL_STAGE.replace(':9:9', ':9:2');
          expect(runStage(shell, undefined, stage).chosen).to.equal('usr/bin/node');
        });
      }

      it('does without a `timeout` that is of another kind', () => {
        // As in busybox, whose own leaves a process behind, and before 1.30 wants `-t SECS`.
        install('bin/timeout', 'exit 1');
        writeFileSync(
          join(root, 'bin/timeout'),
          '#!/bin/sh\n[ "$1" = --version ] || exit 127\nexit 1\n',
        );
        install('usr/bin/node', 'v20.1.0');
        expect(runStage(shell).chosen).to.equal('usr/bin/node');
      });

      it('says what it found also where the account has variables of the same names', () => {
        const names = ['w', 't', 'v', 'b', 'c', 'f', 'm', 'M', 'n', 'd', 'l'];
        const values = Object.fromEntries(names.map((name) => [name, 'x']));
        const { stdout } = runStage(shell, undefined, SHELL_STAGE, values);
        expect(stdout).to.match(/^kinetin-q3x9zk shell\nkinetin-q3x9zk none\n$/);
      });

      it('finds each Node once where folders are named twice', () => {
        install('bin/node', 'v8.0.0');
        const { stdout } = runStage(shell, 'bin:bin');
        expect(stdout.split('node=v8.0.0')).to.have.lengthOf(2);
      });

      it('gives it no input while it asks for the version', () => {
        install('bin/node', '/bin/cat >&2; echo v20.1.0');
        const { stdout } = runStage(shell);
        expect(stdout).to.contain('bytes of the core');
      });

      const layouts = [
        'my home/.nvm/versions/node/v20.1.0/bin/node',
        'my home/.local/share/fnm/node-versions/v20.1.0/installation/bin/node',
        'my home/.fnm/node-versions/v20.1.0/installation/bin/node',
        'my home/.volta/tools/image/node/20.1.0/bin/node',
        'my home/.asdf/installs/nodejs/20.1.0/bin/node',
        'my home/.local/share/mise/installs/node/20.1.0/bin/node',
        'my home/.nodenv/versions/20.1.0/bin/node',
        'my home/n/bin/node',
        'my home/.local/bin/node',
      ];
      layouts.forEach((path, i) => {
        it(`finds the newest of what ${EVERY_PLACE[i]} has installed, in a home with a space`, () => {
          install('bin/node', 'v12.22.0');
          install(path, 'v20.1.0');
          if (path.includes('20.1.0')) {
            install(path.replace('20.1.0', '9.9.0'), 'v9.9.0');
            install(path.replace('20.1.0', '18.0.0'), 'v18.0.0');
          }
          expect(runStage(shell).chosen).to.equal(path);
        });
      });

      it('finds one that is installed by hand or by a package manager', () => {
        for (const path of ['opt/node-v20/bin/node', 'snap/bin/node', 'opt/homebrew/bin/node']) {
          install(path, 'v20.1.0');
          expect(runStage(shell).chosen).to.equal(path);
          rmSync(join(root, path));
        }
        install('real/node', 'v20.1.0');
        mkdirSync(join(root, 'bin'));
        symlinkSync(join(root, 'real/node'), join(root, 'bin/node'));
        expect(runStage(shell).chosen).to.equal('bin/node');
      });
    });
  }
});
