'use strict'
// The runtime: waits for START, loads the handler, answers invocations.
//
//   booting ──START──► loading ──NEXT──► waiting ──INVOKE──► running ──answer and NEXT──► waiting …
//
// An uncaught exception or an unhandled rejection ends the process, as on AWS: with 129 or 128, after the caller was told.

const { Channel, KIND } = require('./channel.cjs')
const { Telemetry } = require('./telemetry.cjs')
const { UnhandledPromiseRejection, payloadOf } = require('./errors.cjs')
const records = require('./console.cjs')
const { ENTRY, WITHOUT_CALLBACKS, resolve } = require('./handler.cjs')
const { Invocation, StreamingInvocation } = require('./invocation.cjs')
const { rehearse } = require('./rehearsal.cjs')
const start = require('./start.cjs')
const streaming = require('./streaming.cjs')

const CHANNEL_FD = 3
const TELEMETRY_FD = 4
const UNCAUGHT = 129
const UNHANDLED = 128

class Runtime {
  constructor () {
    this.channel = new Channel(CHANNEL_FD, (kind, head, body) => this.onFrame(kind, head, body), () => process.exit(0))
    this.channel.fd = CHANNEL_FD
    this.telemetry = new Telemetry(TELEMETRY_FD)
    this.onFrame = this.onStart
    this.started = false
    this.handler = undefined
    this.version = 0
    this.trace = undefined
    this.invocation = undefined
    this.onAnswered = () => {
      this.invocation = undefined
      this.channel.hold()
    }
  }

  onStart (kind, head) {
    this.started = true
    if (kind !== KIND.START) throw new Error(`expected START, got a frame of kind ${kind}`)
    const argv = start.replacement(head, ENTRY)
    if (argv === undefined) this.begin(head)
    else start.become(argv, head, this.channel, TELEMETRY_FD)
  }

  begin (head) {
    start.takeEnvironment(head)
    this.version = start.majorVersion()
    this.trace = process.env._X_AMZN_TRACE_ID
    records.install(this.telemetry, process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON', process.env.AWS_LAMBDA_LOG_LEVEL)
    streaming.install()
    process.on('uncaughtException', (error) => this.die('Uncaught Exception', error, UNCAUGHT))
    process.on('unhandledRejection', (reason, promise) =>
      this.die('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), UNHANDLED))
    process.on('beforeExit', () => this.invocation?.whenEmpty())
    this.onFrame = this.onInvoke
    this.load(head)
  }

  async load (head) {
    this.loading = true
    try {
      start.enter(head)
      this.handler = await resolve(start.taskRoot(), head.handler ?? process.env._HANDLER ?? '', this.version)
    } catch (error) {
      return this.failInit('Uncaught Exception', error, 1)
    }
    this.loading = false
    this.streams = streaming.isStreaming(this.handler)
    if (this.version === WITHOUT_CALLBACKS - 2 && this.handler.length >= 3 && !this.streams &&
        process.env.AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING === undefined) {
      console.warn('AWS Lambda has no callback-based function handlers in the runtimes from nodejs24.x on. ' +
        'Set AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING to silence this warning.')
    }
    this.channel.next()
  }

  failInit (title, error, status) {
    if (this.dying) return
    this.dying = true
    records.logError(title, error)
    this.channel.initError(payloadOf(error), () => process.exit(status))
  }

  onInvoke (kind, head, body) {
    if (kind !== KIND.INVOKE || this.invocation !== undefined) throw new Error(`no frame of kind ${kind} was due`)
    records.current.requestId = head.id
    records.current.tenantId = head.tenant
    this.follow(head.trace)
    this.channel.release()
    const Kind = this.streams ? StreamingInvocation : Invocation
    this.invocation = new Kind(this.channel, head, this.onAnswered)
    this.invocation.run(this.handler, body, this.version)
  }

  follow (trace) {
    if (trace === this.trace) return
    this.trace = trace
    if (trace === undefined) delete process.env._X_AMZN_TRACE_ID
    else process.env._X_AMZN_TRACE_ID = trace
  }

  die (title, error, status) {
    if (this.loading) return this.failInit(title, error, status)
    if (this.dying) return
    this.dying = true
    records.logError(title, error)
    if (this.invocation === undefined) process.exit(status)
    this.invocation.crash(error, () => process.exit(status))
  }
}

const runtime = new Runtime()
const head = start.continued()
if (head !== undefined) runtime.begin(head)
else setImmediate(() => { if (!runtime.started) rehearse(runtime.telemetry, ENTRY, () => runtime.started) })
