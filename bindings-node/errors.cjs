'use strict'

// The one error class of keywheel. It answers three questions: what, may I retry, did it land.
// CommonJS, so that `instanceof` holds however the package was loaded.

class KeywheelError extends Error {
  constructor({ message, kind, retry, retry_after_ms, landed, operation, code, status, request_id, context }) {
    super(message)
    this.name = 'KeywheelError'
    this.kind = kind
    this.retry = retry
    this.retryAfterMs = retry_after_ms ?? undefined
    this.landed = landed
    this.operation = operation
    this.code = code ?? undefined
    this.status = status ?? undefined
    this.requestId = request_id ?? undefined
    this.context = context ?? {}
  }
}

module.exports = { KeywheelError }
