'use strict'
// What a stem does while it waits for START: once everything that START and the first event will make it do, without effect,
// so that what Node.js compiles and loads when it is first used is there before anybody waits.

const path = require('node:path')
const records = require('./console.cjs')
const { resolve } = require('./handler.cjs')
const { Invocation } = require('./invocation.cjs')
const { frame, KIND } = require('./channel.cjs')
const start = require('./start.cjs')

const ENVIRONMENT = { _HANDLER: 'index.handler', AWS_REGION: 'us-east-1', LAMBDA_TASK_ROOT: '/var/task' }

/** Leaves everything as it was, but for the console, which START sets up. `isOver()`: START is here. */
async function rehearse (telemetry, entry, isOver) {
  const environment = { ...process.env }
  start.replacement({ environment }, entry)
  start.takeEnvironment({ environment: { ...environment, ...ENVIRONMENT } })
  start.takeEnvironment({ environment })
  records.install(telemetry, false, undefined)
  process.chdir(process.cwd())
  const handler = await resolve(__dirname, 'rehearsed.handler', start.majorVersion())
  delete require.cache[path.join(__dirname, 'rehearsed.js')]
  if (isOver()) return
  const channel = { respond: (id, body) => frame(KIND.RESPONSE, JSON.stringify({ id }), body) }
  const head = JSON.parse('{"id":"","deadline_ms":0,"arn":""}')
  new Invocation(channel, head, () => {}).run(handler, Buffer.from('{"key":"value"}'), start.majorVersion())
}

module.exports = { rehearse }
