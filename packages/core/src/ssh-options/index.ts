/**
 * '@kinetin/core/ssh-options': the options of `router.ssh`, read and checked. Used by @kinetin/master.
 */

export { parseAddress } from './address.js';
export { adoptHostKey } from './adopt-host-key.js';
export { SSH_OPTIONS, type SshOptions } from './options.js';
export { resolveSshOptions, type SshResolution } from './resolve.js';
