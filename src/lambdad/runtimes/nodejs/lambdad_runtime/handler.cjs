'use strict'
// From the text of Handler to the function that it names.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html

const fs = require('node:fs')
const Module = require('node:module')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const {
  CallbackHandlerDeprecated, HandlerNotFound, ImportModuleError, MalformedHandlerName, UserCodeSyntaxError
} = require('./errors.cjs')
const { isStreaming } = require('./streaming.cjs')

const ENTRY = path.join(__dirname, '..', 'index.mjs')
const requireAsEntry = Module.createRequire(ENTRY)
// From this version on AWS takes no handlers with callbacks.
const WITHOUT_CALLBACKS = 24
const NAME = /^([^.]*)\.(.*)$/

/** `dir/file.export.nested` → directory, file's name without suffix, path of the export. Throws MalformedHandlerName. */
function split (handler) {
  if (handler.includes('..')) {
    throw new MalformedHandlerName(
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`)
  }
  const base = path.basename(handler)
  const match = NAME.exec(base)
  if (!match) throw new MalformedHandlerName('Bad handler')
  return { directory: handler.slice(0, handler.indexOf(base)), file: match[1], names: match[2] }
}

function isFile (name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() === true
}

/** Whether the nearest package.json says that .js files are ES modules. */
function isModulePackage (directory) {
  for (let at = directory; ; at = path.dirname(at)) {
    const name = path.join(at, 'package.json')
    if (isFile(name)) {
      try {
        return JSON.parse(fs.readFileSync(name, 'utf8')).type === 'module'
      } catch (error) {
        if (error instanceof SyntaxError) return false // as Node.js itself: no package then
        throw error
      }
    }
    if (at === path.dirname(at)) return false
  }
}

/** ES modules don't look at NODE_PATH by themselves; on AWS they do. Needed only where one of its directories is there. */
function followNodePath () {
  const parents = (process.env.NODE_PATH ?? '').split(':')
    .filter((directory) => path.basename(directory) === 'node_modules' && fs.existsSync(directory))
    .map((directory) => pathToFileURL(path.join(path.dirname(directory), 'index.mjs')).href)
  if (parents.length === 0) return
  if (Module.registerHooks !== undefined) {
    const { resolveWithin } = require('./node_path.cjs')
    Module.registerHooks({ resolve: resolveWithin(parents) })
  } else if (Module.register !== undefined) {
    Module.register(pathToFileURL(path.join(__dirname, 'node_path_hooks.mjs')), { data: parents })
  }
}

function importModule (name) {
  followNodePath()
  return import(pathToFileURL(name).href)
}

async function load (root, directory, file) {
  const name = path.resolve(root, directory, file)
  if (isFile(name)) return requireAsEntry(name)
  if (isFile(name + '.js')) return isModulePackage(path.dirname(name)) ? importModule(name + '.js') : requireAsEntry(name + '.js')
  if (isFile(name + '.mjs')) return importModule(name + '.mjs')
  if (isFile(name + '.cjs')) return requireAsEntry(name + '.cjs')
  // A directory with an index, or a package.
  return requireAsEntry(requireAsEntry.resolve(fs.existsSync(name) ? name : file, { paths: [root, path.join(root, directory)] }))
}

/** The module of the handler, its errors named. Errors of its own code come through as they are. */
async function loadModule (root, directory, file) {
  try {
    return await load(root, directory, file)
  } catch (error) {
    if (error instanceof SyntaxError) throw renamed(UserCodeSyntaxError, error)
    if (error?.code === 'MODULE_NOT_FOUND') throw renamed(ImportModuleError, error)
    throw error
  }
}

function renamed (Kind, error) {
  const fault = new Kind(String(error))
  fault.stack = `${fault.name}: ${error.stack}`
  return fault
}

/** The function behind `handler`, and how to call it. `version` is the major version of the runtime. */
async function resolve (root, handler, version) {
  const { directory, file, names } = split(handler)
  const module = await loadModule(root, directory, file)
  const found = names.split('.').reduce((value, name) => value?.[name], module)
  if (found === undefined || found === null) throw new HandlerNotFound(`${handler} is undefined or not exported`)
  if (typeof found !== 'function') throw new HandlerNotFound(`${handler} is not a function`)
  if (version >= WITHOUT_CALLBACKS && found.length >= 3 && !isStreaming(found)) {
    throw new CallbackHandlerDeprecated(
      'AWS Lambda does not support callback-based function handlers in the runtimes from nodejs24.x on. ' +
      'Modify this function to use a supported handler signature. ' +
      'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html')
  }
  return found
}

module.exports = { ENTRY, WITHOUT_CALLBACKS, resolve, split }
