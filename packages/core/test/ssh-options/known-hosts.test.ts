import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  appendKnownHost,
  lookupHost,
  parseKnownHosts,
  readKnownHosts,
} from '../../src/ssh-options/known-hosts.js';

/** A made-up key: its blob in base64. */
function makeBlob(type: string, fill: number): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.alloc(36, fill)]).toString('base64');
}

const ED = 'ssh-ed25519';
const KEY = makeBlob(ED, 1);
const OTHER = makeBlob(ED, 2);

function lookup(text: string, host: string, port = 22) {
  return lookupHost(parseKnownHosts(text, 'kh').lines, host, port);
}

function isKnown(hosts: string, host: string, port = 22): boolean {
  return lookup(`${hosts} ${ED} ${KEY}\n`, host, port).known.some((entry) => !entry.isOtherPort);
}

describe('ssh-options/known-hosts', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kinetin-known-hosts-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  describe('a pattern', () => {
    const cases: [hosts: string, host: string, port: number, matches: boolean][] = [
      ['web1', 'web1', 22, true],
      ['web1', 'WEB1', 22, true],
      ['WEB1', 'web1', 22, true],
      ['web1', 'web10', 22, false],
      ['web1', 'web1', 2222, false],
      ['[web1]:2222', 'web1', 2222, true],
      ['[web1]:2222', 'web1', 22, false],
      ['[web1]:2222', 'web1', 222, false],
      ['web1,10.0.0.1', '10.0.0.1', 22, true],
      ['web?', 'web1', 22, true],
      ['web?', 'web', 22, false],
      ['web?', 'web12', 22, false],
      ['*.example.com', 'a.b.example.com', 22, true],
      ['*.example.com', 'example.com', 22, false],
      ['*.example.com', 'a.example.com.evil.org', 22, false],
      ['*.example.com', 'a.example.com', 2222, false],
      ['[*.example.com]:2222', 'a.example.com', 2222, true],
      ['*', 'anything', 2222, true],
      ['*,!web1', 'web1', 22, false],
      ['!web1,*', 'web1', 22, false],
      ['!web1,*', 'web2', 22, true],
      ['!web1', 'web2', 22, false],
      ['web.', 'webx', 22, false],
      ['fe80::1', 'fe80::1', 22, true],
      ['[fe80::1]:2222', 'fe80::1', 2222, true],
    ];
    for (const [hosts, host, port, matches] of cases) {
      it(`${hosts} ${matches ? 'matches' : 'does not match'} ${host} port ${port}`, () => {
        expect(isKnown(hosts, host, port)).to.equal(matches);
      });
    }

    it('of many stars takes no time that grows with their number', () => {
      expect(isKnown('*a'.repeat(40), `${'a'.repeat(5000)}b`)).to.equal(false);
    });
  });

  describe('parseKnownHosts', () => {
    it('matches names that ssh-keygen has hashed', () => {
      const file = join(folder, 'hashed');
      writeFileSync(file, `web1 ${ED} ${KEY}\n[web2]:2222 ${ED} ${OTHER}\n`);
      execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
      const text = readFileSync(file, 'utf8');
      expect(text).not.to.contain('web');
      expect(lookup(text, 'web1').known.map(({ key }) => key)).to.deep.equal([KEY]);
      expect(lookup(text, 'web2', 2222).known.map(({ key }) => key)).to.deep.equal([OTHER]);
      expect(lookup(text, 'web3').known).to.deep.equal([]);
      expect(lookup(text, 'web2').known).to.deep.equal([]);
    });

    it('tells revoked keys and certificate authorities from known keys', () => {
      const text = `@revoked * ${ED} ${KEY}\n@cert-authority *.example.com ${ED} ${OTHER} ca\n`;
      expect(lookup(text, 'a.example.com')).to.deep.equal({
        known: [],
        revoked: [{ type: ED, key: KEY, at: 'kh:1' }],
        authorities: ['kh:2'],
      });
    });

    it('skips comments and empty lines, and reports malformed lines with their numbers', () => {
      const text = [
        '# a comment',
        '',
        `  web1\t${ED}   ${KEY} root@web1`,
        'web1',
        `web1 ${ED} not*base64`,
        `web1 ssh-rsa ${KEY}`,
        `@nonsense web1 ${ED} ${KEY}`,
        `|1|abc|def ${ED} ${KEY}`,
        'web1 1024 65537 1234567',
        `web2 ${ED} ${KEY}\r`,
      ].join('\n');
      const { lines, malformed } = parseKnownHosts(text, 'kh');
      expect(lines.map(({ line }) => line)).to.deep.equal([3, 10]);
      expect(malformed.map(({ line }) => line)).to.deep.equal([4, 5, 6, 7, 8, 9]);
      expect(malformed[2]!.reason).to.equal('the key is of type ssh-ed25519, not ssh-rsa');
      expect(malformed.every(({ file }) => file === 'kh')).to.equal(true);
    });
  });

  it('lookupHost marks a key that is known for the name without the port', () => {
    const { known } = lookup(`web1 ${ED} ${KEY}\n[web1]:2222 ${ED} ${OTHER}\n`, 'web1', 2222);
    expect(known).to.deep.equal([
      { type: ED, key: KEY, at: 'kh:1', isOtherPort: true },
      { type: ED, key: OTHER, at: 'kh:2' },
    ]);
  });

  it('readKnownHosts takes a file that does not exist for empty, and keeps the order', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    writeFileSync(a, `web1 ${ED} ${KEY}\n`);
    writeFileSync(b, `web1 ${ED} ${OTHER}\n`);
    const { lines } = await readKnownHosts([b, join(folder, 'none'), a]);
    expect(lines.map(({ file }) => file)).to.deep.equal([b, a]);
  });

  describe('appendKnownHost', () => {
    it('creates the folder 0700 and the file 0600, with a line that ssh-keygen finds', () => {
      const file = join(folder, 'new', '.ssh', 'known_hosts');
      expect(appendKnownHost(file, 'Web1', 2222, KEY)).to.equal(true);
      expect(statSync(join(folder, 'new', '.ssh')).mode & 0o777).to.equal(0o700);
      expect(statSync(file).mode & 0o777).to.equal(0o600);
      expect(readFileSync(file, 'utf8')).to.equal(`[web1]:2222 ${ED} ${KEY}\n`);
    });

    it('keeps a last line without a newline whole', () => {
      const file = join(folder, 'no-newline');
      writeFileSync(file, `web1 ${ED} ${KEY}`);
      appendKnownHost(file, 'web2', 22, OTHER);
      expect(readFileSync(file, 'utf8')).to.equal(`web1 ${ED} ${KEY}\nweb2 ${ED} ${OTHER}\n`);
    });

    it('adds a key only once', () => {
      const file = join(folder, 'once');
      expect(appendKnownHost(file, 'web1', 22, KEY)).to.equal(true);
      expect(appendKnownHost(file, 'web1', 22, KEY)).to.equal(false);
      expect(appendKnownHost(file, 'web1', 22, OTHER)).to.equal(true);
    });

    it('hashes the name where the file has hashed names, as ssh-keygen -F understands', () => {
      const file = join(folder, 'append-hashed');
      writeFileSync(file, `web1 ${ED} ${KEY}\n`);
      execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
      appendKnownHost(file, 'web2', 2222, OTHER);
      expect(readFileSync(file, 'utf8')).not.to.contain('web2');
      const found = execFileSync('ssh-keygen', ['-F', '[web2]:2222', '-f', file]).toString();
      expect(found).to.contain(OTHER);
    });

    it('lets nothing into the file but one line for one name', () => {
      const file = join(folder, 'injection');
      const bad = makeBlob('ssh-ed25519\nevil', 1);
      for (const host of ['a b', 'a\nb', '*', 'a,b', '@revoked', '#a', '|1|x', '']) {
        expect(() => appendKnownHost(file, host, 22, KEY), host).to.throw(TypeError);
      }
      expect(() => appendKnownHost(file, 'web1', 22, bad)).to.throw(TypeError);
      expect(() => appendKnownHost(file, 'web1', 22, `${KEY}\nevil`)).to.throw(TypeError);
    });
  });
});
