// Preloaded into the emulators that would listen on every interface: they listen on loopback.
const net = require('node:net')
const listen = net.Server.prototype.listen

net.Server.prototype.listen = function (...args) {
  const done = args.find((arg) => typeof arg === 'function')
  const first = args[0]
  const port = first !== null && typeof first === 'object' ? first.port : first
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, done)
}
