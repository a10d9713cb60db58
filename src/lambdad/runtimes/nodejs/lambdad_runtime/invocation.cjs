'use strict'
// One invocation: who calls the handler, and the many ways in which it may answer. The first answer counts.

const { types } = require('node:util')
const { contextOf } = require('./context.cjs')
const { logError } = require('./console.cjs')
const { MalformedStreamingHandler, NodeJsExit, payloadOf } = require('./errors.cjs')
const { WITHOUT_CALLBACKS } = require('./handler.cjs')
const { HIGH_WATER_MARK, ResponseStream } = require('./streaming.cjs')

const isPromise = (value) => typeof value?.then === 'function'

/** JSON of a result. Throws Error. */
function serialised (result) {
  let text
  try {
    text = JSON.stringify(result === undefined ? null : result)
  } catch {
    throw new Error('Unable to stringify response body')
  }
  return text ?? 'null' // a function or a symbol has no JSON
}

class Invocation {
  /** `onAnswered()` is called once the answer is on its way. */
  constructor (channel, head, onAnswered) {
    this.channel = channel
    this.id = head.id
    this.head = head
    this.answered = false
    this.onAnswered = onAnswered
    /** What an empty event loop means now. */
    this.whenEmpty = () => {}
  }

  succeed (result) {
    if (this.answered) return
    let body
    try {
      body = serialised(result)
    } catch (error) {
      return this.fail(error)
    }
    this.answered = true
    this.channel.respond(this.id, body)
    this.onAnswered()
  }

  fail (error) {
    if (this.answered) return
    logError('Invoke Error', error)
    this.failSilently(error)
  }

  failSilently (error) {
    if (this.answered) return
    this.answered = true
    this.channel.error(this.id, payloadOf(error))
    this.onAnswered()
  }

  /** The process can't go on; `callback` once the caller has been told. */
  crash (error, callback) {
    if (this.answered) return callback()
    this.answered = true
    this.channel.lastError(this.id, payloadOf(error), callback)
  }

  /** Call a handler that answers with a promise, a callback or, from nodejs24.x on, its return value. */
  run (handler, body, version) {
    const withCallbacks = version < WITHOUT_CALLBACKS
    this.whenEmpty = () => {
      if (types.isAsyncFunction(handler) || !withCallbacks) this.failSilently(new NodeJsExit())
      else this.succeed(null)
    }
    try {
      const context = contextOf(this.head)
      const event = JSON.parse(body.toString('utf8'))
      const result = withCallbacks ? this.withCallback(handler, event, context) : handler(event, context)
      if (isPromise(result)) result.then((value) => this.succeed(value), (error) => this.fail(error))
      else if (!withCallbacks) this.succeed(result)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Call with the callback, and with the context's methods of the same kind (until nodejs22.x). */
  withCallback (handler, event, context) {
    let waits = true
    const done = (error, result) => {
      if (error !== undefined && error !== null) this.fail(error)
      else this.succeed(result)
    }
    const whole = {
      get callbackWaitsForEmptyEventLoop () { return waits },
      set callbackWaitsForEmptyEventLoop (value) { waits = value },
      done,
      succeed: (result) => done(null, result),
      fail: (error) => done(error ?? 'handled')
    }
    const callback = (error, result) => {
      if ((error !== undefined && error !== null) || !waits) done(error, result)
      else this.whenEmpty = () => this.succeed(result)
    }
    return handler(event, Object.assign(whole, context), callback)
  }
}

/** An invocation of a handler `(event, responseStream, context)`. */
class StreamingInvocation extends Invocation {
  run (handler, body) {
    const stream = new ResponseStream(this.channel, this.id, handler[HIGH_WATER_MARK])
    this.stream = stream
    this.whenEmpty = () => this.failSilently(new NodeJsExit())
    // Writing after the end, or after the failure of a handler, is an error of the handler, not of the process.
    stream.on('error', (error) => this.fail(error))
    stream.on('finish', () => this.finish())
    try {
      const context = contextOf(this.head)
      const result = handler(JSON.parse(body.toString('utf8')), stream, context)
      if (!isPromise(result)) throw new MalformedStreamingHandler('Streaming handler does not return a promise.')
      result.then(() => this.settled(), (error) => this.fail(error))
    } catch (error) {
      this.fail(error)
    }
  }

  /** The handler is done. What it has not ended is ended for it. */
  settled () {
    if (!this.stream.writableEnded && !this.stream.destroyed) this.stream.end()
  }

  /** All of the stream is on its way. */
  finish () {
    if (this.answered) return
    this.answered = true
    this.stream.begin() // an empty answer has a head, too
    this.channel.endStream(this.id)
    this.onAnswered()
  }

  failSilently (error) {
    if (!this.stream?.begun) return super.failSilently(error)
    if (this.answered) return
    this.answered = true
    this.channel.endStream(this.id, payloadOf(error))
    this.onAnswered()
  }

  crash (error, callback) {
    if (this.answered || !this.stream?.begun) return super.crash(error, callback)
    this.answered = true
    this.channel.endStream(this.id, payloadOf(error), callback)
  }
}

module.exports = { Invocation, StreamingInvocation }
