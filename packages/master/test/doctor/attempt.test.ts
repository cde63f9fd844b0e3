import { PassThrough } from 'node:stream';
import { resolveContextOptions } from '@kinetin/core';
import type { Attempt, Pipe } from '@kinetin/core/parent';
import { expect } from 'chai';
import { type Examination, examine } from '../../src/doctor/attempt.js';
import type { ReadyPatient } from '../../src/doctor/targets.js';

/** What is found of a host that does this. */
function examineStub(host: (attempt: Attempt, output: PassThrough) => void): Promise<Examination> {
  const patient = {
    options: resolveContextOptions({}),
    target: {},
    open: async (_target: unknown, attempt: Attempt): Promise<Pipe> => {
      const output = new PassThrough({ highWaterMark: 2 ** 20 });
      host(attempt, output);
      const exit = new Promise<never>(() => {});
      const input = new PassThrough();
      return { input, output, diagnostics: [], exit, destroy: () => {} } as unknown as Pipe;
    },
  } as unknown as ReadyPatient;
  return examine(patient, (library) => library, new AbortController().signal);
}

const markerOf = ({ commandLine }: Attempt): string =>
  // Not the name of the file that tries a folder.
  /kinetin-(?!doctor)\w+/.exec(commandLine)?.[0] as string;

describe('doctor/attempt', () => {
  it('listens to 262,144 bytes that are no answer, and to no more', async () => {
    const answers = (noise: number) =>
      examineStub((attempt, output) => {
        output.write(Buffer.alloc(noise, 'x'));
        // A chunk of its own: the noise has been counted by then.
        setImmediate(() => output.write(`\n${markerOf(attempt)} end\n`));
      });
    expect((await answers(262_144)).error).to.equal(undefined);
    const { error } = await answers(262_145);
    expect(error).to.include({ code: 'ERR_HANDSHAKE' });
    expect(error?.message).to.contain('262144 bytes were printed');
  });

  it('keeps the last 65,536 characters that are said beside it', async () => {
    const { notes } = await examineStub((attempt, output) => {
      for (let i = 0; i < 100; i++) attempt.note(`${'a'.repeat(999)}\n`);
      output.write(`${markerOf(attempt)} end\n`);
    });
    const lengths = notes.map(({ length }) => length + 1);
    expect(lengths).to.deep.equal([536, ...new Array(65).fill(1000)]);
  });
});
