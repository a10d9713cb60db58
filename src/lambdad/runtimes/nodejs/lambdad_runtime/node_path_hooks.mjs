// The same hook for versions of Node.js that run hooks in a thread of their own.
import { resolveWithin } from './node_path.cjs'

let within

export function initialize (parents) {
  within = resolveWithin(parents)
}

export function resolve (specifier, context, next) {
  return within(specifier, context, next)
}
