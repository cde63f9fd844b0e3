import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { failure } from '../../../../../test/support/failure.js';
import { HostShell } from '../../../src/parent/runtime/host-shell.js';

describe('parent/runtime/host-shell', () => {
  it('keeps 64 answers that nobody has asked for, and takes no more for progress', async () => {
    let progress = 0;
    const shell = new HostShell('marker', new PassThrough(), () => {
      progress++;
    });
    for (let i = 0; i < 65; i++) shell.answer([String(i)]);
    expect(progress).to.equal(64);
    for (let i = 0; i < 64; i++) expect(await shell.next()).to.deep.equal([String(i)]);
    const next = shell.next();
    shell.end(new Error('over'));
    expect((await failure(next)).message).to.equal('over');
  });
});
