'use strict'

// The calls, as JavaScript spells them. No logic: each one is a method's name and its arguments.

const native = require('./native.cjs')
const { KeywheelError } = require('./errors.cjs')

/** Resolves to what the door answered, or rejects with what it refused. */
async function answered(landed) {
  const { ok, json } = await landed
  const value = JSON.parse(json)
  if (ok) return value
  throw new KeywheelError(value)
}

async function version() {
  return (await answered(native.call('version', '{}'))).version
}

async function verifyStream(lines) {
  if (typeof lines === 'string') throw new TypeError('verifyStream takes an iterable of lines, not one string')
  return answered(native.call('verify_stream', JSON.stringify({ lines: [...lines] })))
}

module.exports = { KeywheelError, verifyStream, version }
