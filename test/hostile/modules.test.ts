/** Code that is changed on its way to a context is not run there. */

import { hostname } from 'node:os';
import { brotliCompressSync } from 'node:zlib';
import { ModuleStore } from '@kinetin/core';
import { type Context, Router } from '@kinetin/master';
import { expect } from 'chai';
import { failure } from '../support/failure.js';

describe('hostile/modules', () => {
  const { add } = ModuleStore.prototype;
  const evil = 'globalThis.evil = true; module.exports.default = () => "evil";';
  let router: Router;
  let context: Context;
  beforeEach(async () => {
    router = new Router({ onLog: () => {} });
    context = await router.local({ via: router.local() });
    // From now on, every module that leaves is another one than its hash says.
    ModuleStore.prototype.add = function (hash) {
      add.call(this, hash, brotliCompressSync(evil));
    };
  });
  afterEach(async () => {
    ModuleStore.prototype.add = add;
    await router.shutdown();
  });

  it('that are not what their hash names do not run, and the context goes on', async () => {
    const changed = context.with({ timeout: 300, grace: 50 }).call(() => 'good');
    expect(await failure(changed)).to.be.an.instanceOf(Error);
    ModuleStore.prototype.add = add;
    const ran = await context.call(() => (globalThis as { evil?: boolean }).evil);
    expect(ran).to.equal(undefined);
    expect(await context.call(hostname)).to.equal(hostname());
  });

  it('that are not what their hash names are reported as such', async () => {
    const error = await failure(context.call(() => 'good'));
    expect(error).to.include({ code: 'ERR_MODULE_HASH', remoteName: 'ModuleError' });
  });
});
