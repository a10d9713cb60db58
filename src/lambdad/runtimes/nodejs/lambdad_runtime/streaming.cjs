'use strict'
// Response streaming: the global `awslambda`, and the stream that a handler writes to.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html

const { Writable } = require('node:stream')

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')
const HTTP_INTEGRATION = 'application/vnd.awslambda.http-integration-response'
const PRELUDE_END = Buffer.alloc(8)
// Bytes of one CHUNK frame; well under what a frame may have, so that a slow reader stops a fast writer early.
const CHUNK_LIMIT = 1024 * 1024

const isStreaming = (handler) => handler[STREAMING] === 'response'

/** Writes become CHUNK frames; a write is done when the socket has taken it, which is the back-pressure. */
class ResponseStream extends Writable {
  constructor (channel, id, highWaterMark) {
    super({ highWaterMark })
    this.channel = channel
    this.requestId = id
    this.contentType = 'application/octet-stream'
    this.prelude = undefined
    this.begun = false
  }

  setContentType (contentType) {
    if (this.begun) throw new Error('Cannot set content-type, too late.')
    this.contentType = contentType
  }

  begin () {
    if (this.begun) return
    this.begun = true
    this.channel.beginStream(this.requestId, this.contentType)
    if (this.prelude !== undefined) {
      const prelude = Buffer.from(JSON.stringify(this.prelude))
      this.channel.chunk(this.requestId, Buffer.concat([prelude, PRELUDE_END]))
    }
  }

  /** Like any Writable's, and takes other values too, as JSON. */
  write (data, ...rest) {
    const plain = typeof data === 'string' || data instanceof Uint8Array || data === null || data === undefined
    return super.write(plain ? data : JSON.stringify(data), ...rest)
  }

  _write (data, encoding, callback) {
    this.begin()
    let at = 0
    for (; data.length - at > CHUNK_LIMIT; at += CHUNK_LIMIT) {
      this.channel.chunk(this.requestId, data.subarray(at, at + CHUNK_LIMIT))
    }
    this.channel.chunk(this.requestId, at ? data.subarray(at) : data, callback)
  }
}

/** `awslambda.HttpResponseStream`: status, headers and cookies before the body of a function URL's response. */
class HttpResponseStream {
  static from (stream, prelude) {
    stream.setContentType(HTTP_INTEGRATION)
    stream.prelude = prelude
    return stream
  }
}

/** `awslambda.streamifyResponse`: marks a handler `(event, responseStream, context)`. */
function streamifyResponse (handler, options) {
  handler[STREAMING] = 'response'
  handler[HIGH_WATER_MARK] = options?.highWaterMark === undefined ? undefined : parseInt(options.highWaterMark, 10)
  return handler
}

function install () {
  globalThis.awslambda = { streamifyResponse, HttpResponseStream }
}

module.exports = { HIGH_WATER_MARK, ResponseStream, install, isStreaming }
