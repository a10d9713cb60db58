'use strict'
// Resolution of bare specifiers by NODE_PATH, after all else has failed.

/** A `resolve` hook; `parents` are URLs of files beside the node_modules directories to look in. */
function resolveWithin (parents) {
  return function resolve (specifier, context, next) {
    try {
      const found = next(specifier, context)
      return found instanceof Promise ? found.catch((error) => retryLater(error, specifier, context, next)) : found
    } catch (error) {
      return retry(error, specifier, context, next)
    }
  }

  function retry (error, specifier, context, next) {
    if (!isMissingPackage(error, specifier)) throw error
    for (const parentURL of parents) {
      try {
        return next(specifier, { ...context, parentURL })
      } catch (again) {
        if (!isMissingPackage(again, specifier)) throw again
      }
    }
    throw error
  }

  async function retryLater (error, specifier, context, next) {
    if (!isMissingPackage(error, specifier)) throw error
    for (const parentURL of parents) {
      try {
        return await next(specifier, { ...context, parentURL })
      } catch (again) {
        if (!isMissingPackage(again, specifier)) throw again
      }
    }
    throw error
  }
}

function isMissingPackage (error, specifier) {
  return (error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND') && !/^(\.{0,2}\/|[a-z]+:)/.test(specifier)
}

module.exports = { resolveWithin }
