'use strict'
// The handler of a rehearsal.

exports.handler = async (event) => event
