// Types of Node 12 know no `node:` names; the bundler strips the prefix for it.
declare module 'node:child_process' {
  export * from 'child_process';
}
declare module 'node:crypto' {
  export * from 'crypto';
}
declare module 'node:dns' {
  export * from 'dns';
}
declare module 'node:events' {
  import whole = require('events');
  export = whole;
}
declare module 'node:fs' {
  export * from 'fs';
}
declare module 'node:module' {
  import Module = require('module');

  export { Module };
}
declare module 'node:net' {
  export * from 'net';
}
declare module 'node:stream' {
  import whole = require('stream');
  export = whole;
}
declare module 'node:string_decoder' {
  export * from 'string_decoder';
}
declare module 'node:util' {
  export * from 'util';
}
declare module 'node:worker_threads' {
  export * from 'worker_threads';
}
declare module 'node:zlib' {
  export * from 'zlib';
}
