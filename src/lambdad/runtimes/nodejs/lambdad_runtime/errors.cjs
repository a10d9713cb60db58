'use strict'
// Errors as AWS's Node.js runtime words them.

const path = require('node:path')
const { types } = require('node:util')

const OWN = __dirname + path.sep

class RuntimeFault extends Error {}

/** A class of errors that the runtime itself finds. Its name is on the prototype, so that the stack begins with it. */
function fault (name) {
  const kind = class extends RuntimeFault {}
  kind.prototype.name = 'Runtime.' + name
  return kind
}

const CallbackHandlerDeprecated = fault('CallbackHandlerDeprecated')
const HandlerNotFound = fault('HandlerNotFound')
const ImportModuleError = fault('ImportModuleError')
const InvalidWorkingDir = fault('InvalidWorkingDir')
const MalformedHandlerName = fault('MalformedHandlerName')
const MalformedStreamingHandler = fault('MalformedStreamingHandler')
const UserCodeSyntaxError = fault('UserCodeSyntaxError')

const NodeJsExitBase = fault('NodeJsExit')
class NodeJsExit extends NodeJsExitBase {
  constructor () {
    super('The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that ' +
      'was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes')
  }
}

const UnhandledPromiseRejectionBase = fault('UnhandledPromiseRejection')
class UnhandledPromiseRejection extends UnhandledPromiseRejectionBase {
  constructor (reason, promise) {
    super(text(reason))
    this.reason = reason
    this.promise = promise
  }
}

/** String() of anything: an object without a prototype has none. */
function text (value) {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

function isError (value) {
  return types.isNativeError(value) || value instanceof Error ||
    (typeof value === 'object' && value !== null && 'name' in value && 'message' in value && 'stack' in value)
}

/** The lines of a stack down to the first frame of this runtime: what called it is no business of the function. */
function linesOf (stack) {
  const lines = text(stack).split('\n')
  const own = lines.findIndex((line) => line.startsWith('    at ') && line.includes(OWN))
  return own < 0 ? lines : lines.slice(0, own)
}

/** The error payload. What is thrown need not be an Error. */
function payloadOf (error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: text(error), trace: [] }
    return { errorType: text(error.name), errorMessage: text(error.message), trace: linesOf(error.stack) }
  } catch {
    // Getters of a function's own class may throw.
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
      trace: []
    }
  }
}

function enumerable (key, value) {
  if (!(value instanceof Error)) return value
  const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value }
  if (typeof value.stack === 'string') shown.stack = linesOf(value.stack)
  return shown
}

/** An error as one line of JSON for a text log: all that it carries, nested errors too. */
function described (error) {
  try {
    return '\t' + JSON.stringify(error, enumerable)
  } catch {
    return '\t' + JSON.stringify(payloadOf(error)) // circular, or with a toJSON that throws
  }
}

module.exports = {
  CallbackHandlerDeprecated, HandlerNotFound, ImportModuleError, InvalidWorkingDir, MalformedHandlerName, MalformedStreamingHandler,
  NodeJsExit, UnhandledPromiseRejection, UserCodeSyntaxError, described, linesOf, payloadOf, text
}
