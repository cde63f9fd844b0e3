import { expect } from 'chai';
import { isAlive, until } from '../../../../../test/support/processes.js';
import { openSubprocess } from '../../../src/parent/methods/subprocess.js';

describe('parent/methods/subprocess', () => {
  it('has ended when its process has, though another holds its output open', async () => {
    const command = ['/bin/sh', '-c', 'sleep 1000 & echo $!; exit 3'];
    const pipe = await openSubprocess(command, ['pipe', 'pipe', 'pipe'], (child) => ({
      input: child.stdin!,
      output: child.stdout!,
      diagnostics: [child.stderr!],
    }));
    let said = '';
    pipe.output.on('data', (chunk) => {
      said += chunk;
    });
    let holder = 0;
    try {
      expect(await pipe.exit).to.deep.equal({ code: 3 });
      // Where this process was slow, it has yet to read.
      await until('the pid', () => said.endsWith('\n'));
      holder = Number(said);
      expect(isAlive(holder)).to.equal(true);
      expect(pipe.output.readableEnded).to.equal(false);
    } finally {
      pipe.destroy();
    }
    await until('the other has ended with the group', () => !isAlive(holder));
  });
});
