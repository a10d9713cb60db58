'use strict'
// From a process that has booted and waits to the function's own: environment, directory, or another program.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const Module = require('node:module')
const os = require('node:os')
const { InvalidWorkingDir } = require('./errors.cjs')
const { writeAll } = require('./telemetry.cjs')

// Hands START's head, as JSON, over to a runtime that can't read START again.
const CONTINUED = '_LAMBDAD_START'
// Node.js reads these only when it starts, which it has done before START tells them.
const READ_AT_START = [
  'GLIBC_TUNABLES', 'LD_PRELOAD', 'MALLOC_ARENA_MAX', 'NODE_COMPILE_CACHE', 'NODE_DEBUG', 'NODE_EXTRA_CA_CERTS', 'NODE_ICU_DATA', 'NODE_NO_WARNINGS', 'NODE_OPTIONS',
  'NODE_PENDING_DEPRECATION', 'NODE_USE_ENV_PROXY', 'NODE_USE_SYSTEM_CA', 'NODE_V8_COVERAGE', 'UV_THREADPOOL_SIZE'
]

const LIBRARY = /^lib.*\.so(\.[0-9.]+)?$/
const SYSTEM_LIBRARIES = ['/var/lang/lib', '/lib64', '/usr/lib64', '/var/runtime', '/var/runtime/lib']

/** Whether code or layers bring shared libraries. The loader remembers where it once found no directory. */
function hasLibraries (searchPath) {
  return searchPath.split(':').some((directory) => {
    if (directory === '' || SYSTEM_LIBRARIES.includes(directory)) return false
    try {
      return fs.readdirSync(directory).some((name) => LIBRARY.test(name))
    } catch (error) {
      if (error.code === undefined) throw error
      return false // not there, no directory, or not readable: the loader passes over it as well
    }
  })
}

/** The head of a START that another process has read for this one, or undefined. */
function continued () {
  const head = process.env[CONTINUED]
  if (head === undefined) return undefined
  delete process.env[CONTINUED]
  return JSON.parse(head)
}

/** What has to be executed in place of this process, if anything: a wrapper script, or Node.js with other options. */
function replacement (head, entry) {
  if (head.argv !== undefined && head.argv.length > 0) return head.argv
  if (head.environment === undefined) return undefined
  const special = READ_AT_START.filter((name) => (head.environment[name] ?? '') !== (process.env[name] ?? ''))
  const libraries = hasLibraries(head.environment.LD_LIBRARY_PATH ?? '')
  if (special.length === 0 && !libraries) return undefined
  // The one option that many functions have needs no second process.
  if (special.length === 1 && !libraries && head.environment.NODE_OPTIONS?.trim() === '--enable-source-maps') {
    process.setSourceMapsEnabled(true)
    return undefined
  }
  return [process.execPath, ...process.execArgv, entry]
}

/** Run `argv` with the channel as its fds 3 and 4, and end as it ends. (Node.js 20 can't replace its own process.) */
function become (argv, head, channel, telemetryFd) {
  const { argv: _, environment, ...rest } = head
  const child = spawn(argv[0], argv.slice(1), {
    cwd: head.cwd,
    env: { ...(environment ?? process.env), [CONTINUED]: JSON.stringify(rest), _LAMBDA_TELEMETRY_LOG_FD: String(telemetryFd) },
    stdio: ['inherit', 'inherit', 'inherit', channel.fd, telemetryFd]
  })
  child.on('error', (error) => {
    writeAll(2, Buffer.from(`${argv[0]}: ${error.message}\n`))
    // As a shell says it: 127 if there is no such program, 126 if it can't be executed.
    process.exit(error.code === 'ENOENT' ? 127 : 126)
  })
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status)
    // Whoever waits for this process shall see the same end.
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(128 + os.constants.signals[signal]), 1000)
  })
  // The child has them now; with these closed, the end of the child is the end of the channel.
  channel.abandon()
  fs.closeSync(telemetryFd)
}

/** Take the function's environment variables; without `environment` the present ones are right already. */
function takeEnvironment (head) {
  if (head.environment !== undefined) {
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, head.environment)
  }
  // Named for official runtime clients, which take it away as well: a function's children must not write frames.
  delete process.env._LAMBDA_TELEMETRY_LOG_FD
  Module._initPaths() // reads NODE_PATH
}

/** Where the handler is. */
const taskRoot = () => process.env.LAMBDA_TASK_ROOT || '/var/task'

/** Change to the working directory. Throws InvalidWorkingDir. */
function enter (head) {
  const directory = head.cwd ?? taskRoot()
  try {
    process.chdir(directory)
  } catch (error) {
    throw new InvalidWorkingDir(`chdir ${directory}: ${error.code === 'ENOENT' ? 'no such file or directory' : error.message}`)
  }
}

/** The major version that the function was made for: the runtime's name says it, else it is the interpreter's. */
function majorVersion () {
  const named = /nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? '')
  return Number(named ? named[1] : process.versions.node.split('.')[0])
}

module.exports = { become, continued, enter, majorVersion, replacement, takeEnvironment, taskRoot }
