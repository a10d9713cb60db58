'use strict'
// console.* as a function finds it: one event per call, in text or JSON.
// Formats: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

const { format } = require('node:util')
const { described, linesOf } = require('./errors.cjs')
const { JSON_TYPE, TEXT } = require('./telemetry.cjs')

// A level's rank, which times four is what it adds to a frame's type.
const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 }
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' }

/** Whose records are being written now. */
const current = { requestId: undefined, tenantId: undefined }

function errorsShown (key, value) {
  if (!(value instanceof Error)) return value
  return {
    errorType: value.constructor?.name ?? 'UnknownError',
    errorMessage: value.message,
    stackTrace: typeof value.stack === 'string' ? linesOf(value.stack) : value.stack,
    ...value
  }
}

function asJson (level, values) {
  const record = { timestamp: new Date().toISOString(), level, requestId: current.requestId }
  if (current.tenantId !== undefined) record.tenantId = current.tenantId
  if (values.length === 1) {
    record.message = values[0]
    try {
      return JSON.stringify(record, errorsShown) + '\n'
    } catch {
      record.message = format(values[0]) // circular, or a BigInt
      return JSON.stringify(record) + '\n'
    }
  }
  record.message = format(...values)
  const error = values.find((value) => value instanceof Error)
  if (error !== undefined) {
    record.errorType = error.constructor?.name ?? 'UnknownError'
    record.errorMessage = error.message
    record.stackTrace = typeof error.stack === 'string' ? linesOf(error.stack) : []
  }
  return JSON.stringify(record) + '\n'
}

function asText (level, values) {
  return `${new Date().toISOString()}\t${current.requestId}\t${level}\t${format(...values)}\n`
}

/** Replace the methods of the global console. Levels below `lowest` (AWS_LAMBDA_LOG_LEVEL) write nothing. */
function install (telemetry, json, lowest) {
  const least = LEVELS[(lowest ?? '').toUpperCase()] ?? LEVELS.TRACE
  for (const [method, level] of Object.entries(METHODS)) {
    const rank = LEVELS[level]
    console[method] = rank < least
      ? () => {}
      : json
        ? (...values) => telemetry.write(JSON_TYPE, rank * 4, asJson(level, values))
        : (...values) => telemetry.write(TEXT, rank * 4, asText(level, values))
  }
  install.json = json
}

/** Log an error that the function did not catch. */
function logError (title, error) {
  if (install.json) console.error(error)
  else console.error(title, described(error))
}

module.exports = { current, install, logError }
