'use strict'
// Frames over the Unix stream socket that leads to lambdad; docs/design/channel.md has the format.
//
// The socket is read by the event loop, not by blocking reads: both cost the same, and this way signals, timers and
// connections of the function go on while it waits. While an invocation runs the socket does not keep the loop alive
// (`release`), since an empty loop means something to a handler with callbacks; while the runtime waits it does (`hold`).

const net = require('node:net')

const KIND = {
  START: 1, INVOKE: 2, NEXT: 16, RESPONSE: 17, ERROR: 18, INIT_ERROR: 19, STREAM: 20, CHUNK: 21, END: 22
}
const HEADER = 8
// One byte more than a response may have: a longer one is cut to this length, which is what makes it too large.
const BODY_LIMIT = 6291556 + 1
// Characters of an error type; a head may have 64 KiB, and a name may be of any length.
const TYPE_LIMIT = 1024
const NOTHING = Buffer.alloc(0)

/** One frame as bytes; `body` is a Buffer or text. Longer bodies than a frame may have are cut. */
function frame (kind, head, body = '') {
  const headLength = Buffer.byteLength(head)
  const text = typeof body === 'string'
  const wanted = text ? Buffer.byteLength(body) : body.length
  const length = Math.min(wanted, BODY_LIMIT)
  const bytes = Buffer.allocUnsafe(HEADER + headLength + length)
  bytes[0] = kind
  bytes[1] = 0
  bytes.writeUInt16BE(headLength, 2)
  bytes.writeUInt32BE(length, 4)
  bytes.write(head, HEADER)
  if (text && wanted <= length) bytes.write(body, HEADER + headLength)
  else (text ? Buffer.from(body) : body).copy(bytes, HEADER + headLength, 0, length)
  return bytes
}

const NEXT = frame(KIND.NEXT, '')

/** `text` with the bytes of a NEXT frame after it. */
const withNext = (bytes) => Buffer.concat([bytes, NEXT])

class Channel {
  /** `onFrame(kind, head, body)` for each frame; `onEnd()` once lambdad has closed the socket. */
  constructor (fd, onFrame, onEnd) {
    this.onFrame = onFrame
    this.pieces = []
    this.have = 0
    this.need = HEADER
    this.socket = new net.Socket({ fd, readable: true, writable: true })
    this.socket.on('data', (data) => this.take(data))
    this.socket.on('close', onEnd)
    // Whatever goes wrong with this socket, lambdad is gone; 'close' follows.
    this.socket.on('error', () => {})
  }

  take (data) {
    this.pieces.push(data)
    this.have += data.length
    while (this.have >= this.need) {
      // Joined only when enough is there, so that a large event costs one copy.
      const whole = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces)
      this.pieces = [whole]
      const headLength = whole.readUInt16BE(2)
      const total = HEADER + headLength + whole.readUInt32BE(4)
      if (whole.length < total) {
        this.need = total
        return
      }
      const rest = whole.subarray(total)
      this.pieces = rest.length ? [rest] : []
      this.have = rest.length
      this.need = HEADER
      const head = headLength ? JSON.parse(whole.toString('utf8', HEADER, HEADER + headLength)) : {}
      this.onFrame(whole[0], head, whole.subarray(HEADER + headLength, total))
    }
  }

  /** Don't keep the event loop alive: an invocation runs. */
  release () {
    this.socket.unref()
  }

  /** Keep the event loop alive: the runtime waits. */
  hold () {
    this.socket.ref()
  }

  /** Read no more, and let another process have the descriptor. */
  abandon () {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }

  send (bytes, callback) {
    this.socket.write(bytes, callback)
  }

  next () {
    this.send(NEXT)
  }

  respond (id, body) {
    this.send(withNext(frame(KIND.RESPONSE, JSON.stringify({ id }), body)))
  }

  error (id, error) {
    this.send(withNext(this.errorFrame(id, error)))
  }

  /** The last word of a process that is about to exit; `callback` when it has left. */
  lastError (id, error, callback) {
    this.send(this.errorFrame(id, error), callback)
  }

  errorFrame (id, error) {
    return frame(KIND.ERROR, JSON.stringify({ id, type: error.errorType.slice(0, TYPE_LIMIT) }), JSON.stringify(error))
  }

  initError (error, callback) {
    const head = JSON.stringify({ type: error.errorType.slice(0, TYPE_LIMIT) })
    this.send(frame(KIND.INIT_ERROR, head, JSON.stringify(error)), callback)
  }

  beginStream (id, contentType) {
    this.send(frame(KIND.STREAM, JSON.stringify({ id, content_type: contentType })))
  }

  chunk (id, bytes, callback) {
    this.send(frame(KIND.CHUNK, JSON.stringify({ id }), bytes), callback)
  }

  /** The stream's end, with an error payload where it broke. */
  endStream (id, error, callback) {
    const bytes = error === undefined
      ? frame(KIND.END, JSON.stringify({ id }))
      : frame(KIND.END, JSON.stringify({ id, error_type: error.errorType.slice(0, TYPE_LIMIT) }), JSON.stringify(error))
    this.send(withNext(bytes), callback)
  }
}

module.exports = { BODY_LIMIT, Channel, KIND, NOTHING, frame }
