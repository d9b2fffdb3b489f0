// What the Node package promises. Needs a build (`npm run build`) and nothing else.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { KeywheelError, verifyStream, version } from 'keywheel'

const required = createRequire(import.meta.url)('keywheel')

/** Lines as keywheel seals them, made by a second hand: canonical JSON whose hash is taken without `hash`. */
function sealed(count) {
  const lines = []
  let prev = '0'.repeat(64)
  for (let seq = 0; seq < count; seq++) {
    const before = { actor: 'tester', at: '2026-11-22T12:00:00Z', body: { n: seq }, epoch: 0, fact: 'noted' }
    const after = { must: false, nonce: '07'.repeat(16), prev, runner: 'r1', seq, stream: 'meta', v: 1 }
    prev = createHash('sha256').update(JSON.stringify({ ...before, ...after })).digest('hex')
    lines.push(JSON.stringify({ ...before, hash: prev, ...after }))
  }
  return lines
}

test('the version is the crate’s', async () => {
  assert.match(await version(), /^\d+\.\d+\.\d+/)
})

test('a whole stream is answered with its head', async () => {
  const lines = sealed(3)
  assert.deepEqual(await verifyStream(lines), { stream: 'meta', lines: 3, head: JSON.parse(lines[2]).hash })
})

test('a changed line is corrupt and says where', async () => {
  const lines = sealed(3)
  lines[1] = lines[1].replace('"n":1', '"n":9')
  const error = await verifyStream(lines).then(() => assert.fail('it is broken'), (caught) => caught)
  assert.ok(error instanceof KeywheelError && error instanceof Error)
  assert.deepEqual([error.name, error.kind, error.retry, error.landed], ['KeywheelError', 'corrupt', 'never', 'no'])
  assert.equal(error.context.seq, '1')
  assert.match(error.message, /seq 1/)
})

test('require and import give the same classes', async () => {
  assert.equal(required.KeywheelError, KeywheelError)
  await assert.rejects(required.verifyStream(['{}']), KeywheelError)
})

test('one string is not taken for lines', async () => {
  await assert.rejects(verifyStream('{}'), TypeError)
})

test('the event loop turns while keywheel works', async () => {
  const lines = sealed(20_000)
  let turns = 0
  let working = true
  const turn = () => {
    turns += 1
    if (working) setImmediate(turn)
  }
  const answer = verifyStream(lines)
  setImmediate(turn)
  await answer
  working = false
  assert.ok(turns > 1, `${turns} turns`)
})
