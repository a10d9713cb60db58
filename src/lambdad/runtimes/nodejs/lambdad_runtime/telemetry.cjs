'use strict'
// Log frames on the telemetry socket, written before the call returns: a record that was logged before a response is in its
// socket before it. A full socket blocks the function; nothing is dropped here.

const fs = require('node:fs')

const TEXT = 0xa55a0003
const JSON_TYPE = 0xa55a0002
const HEADER = 16
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Write all of `bytes` to a descriptor that may be non-blocking. */
function writeAll (fd, bytes) {
  let written = 0
  while (written < bytes.length) {
    try {
      written += fs.writeSync(fd, bytes, written)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(sleeper, 0, 0, 1) // a millisecond; there is no way to wait for a descriptor without the loop
    }
  }
}

class Telemetry {
  constructor (fd) {
    this.fd = fd
  }

  /** One event. `level` is what the level adds to the frame's type: 4 for TRACE to 24 for FATAL, 0 for none. */
  write (type, level, message) {
    const length = Buffer.byteLength(message)
    const bytes = Buffer.allocUnsafe(HEADER + length)
    bytes.writeUInt32BE(type + level, 0)
    bytes.writeUInt32BE(length, 4)
    bytes.writeBigUInt64BE(BigInt(Date.now()) * 1000n, 8)
    bytes.write(message, HEADER)
    writeAll(this.fd, bytes)
  }
}

module.exports = { JSON_TYPE, TEXT, Telemetry, writeAll }
