// Pushed: the ssh2 library as a module of its own, for hops that connect over SSH.
module.exports = require('ssh2');
