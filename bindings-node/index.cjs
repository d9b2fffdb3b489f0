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

/** A rotator for the tenancy and the journal that a `keywheel.toml` names. */
class Rotator {
  #door

  /** Private: `Rotator.open` makes them. */
  constructor(door) {
    if (!(door instanceof native.Door)) throw new TypeError('use: await Rotator.open(config)')
    this.#door = door
  }

  static async open(config) {
    const opened = await native.open(String(config))
    if (typeof opened === 'string') throw new KeywheelError(JSON.parse(opened))
    return new Rotator(opened)
  }

  #call(method, args = {}) {
    return answered(this.#door.call(method, JSON.stringify(args)))
  }

  async due() {
    return this.#call('due')
  }

  async plan(key) {
    return this.#call('plan', { key })
  }

  async doctor(live, subject) {
    return this.#call('doctor', { live, subject })
  }

  async rotate(key) {
    return this.#call('rotate', { key })
  }

  async rotateDue() {
    return this.#call('rotate_due')
  }

  async list() {
    return this.#call('list')
  }

  async history(key) {
    return this.#call('history', { key })
  }

  async status(rotation) {
    return this.#call('status', { rotation })
  }

  async dependents(rotation) {
    return this.#call('dependents', { rotation })
  }

  async pause(rotation, why) {
    await this.#call('pause', { rotation, why })
  }

  async resume(rotation) {
    return this.#call('resume', { rotation })
  }

  async cancel(rotation, until) {
    await this.#call('cancel', { rotation, until })
  }

  async verifyJournal() {
    return (await this.#call('verify_journal')).lines
  }
}

module.exports = { KeywheelError, Rotator, verifyStream, version }
