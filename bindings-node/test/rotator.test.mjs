// A rotation from Node, from due to report, over HTTP against the emulator.
//
// Needs a build and `KEYWHEEL_LAB`, a lab build of the `keywheel` program; `make test` sets it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

import { KeywheelError, Rotator } from 'keywheel'

const program = process.env.KEYWHEEL_LAB
const skip = program ? false : 'KEYWHEEL_LAB names no lab build: cargo build -p keywheel-cli --features lab'
const buckets = 6

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'keywheel-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** An emulator with a seeded tenancy, and a `keywheel.toml` for it. */
async function emulator(t) {
  const args = ['--json', 'emulate', '--dir', folder(t), '--buckets', String(buckets), '--for', '5m']
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return JSON.parse(line)
}

test('a config that is not there is a KeywheelError', async (t) => {
  const error = await Rotator.open(join(folder(t), 'keywheel.toml')).catch((caught) => caught)
  assert.ok(error instanceof KeywheelError, String(error))
  assert.deepEqual([error.kind, error.landed], ['config', 'no'])
  assert.match(error.message, /keywheel\.toml/)
})

test('nobody makes a rotator without opening a config', () => {
  assert.throws(() => new Rotator(), TypeError)
})

test('a key is rotated, reported, and not due again; the event loop turns all the while', { skip }, async (t) => {
  const lab = await emulator(t)
  const rotator = await Rotator.open(lab.keywheel_config)
  const due = await rotator.due()
  assert.deepEqual(due.map((row) => [row.key, row.due.state]), [[lab.key, 'due']])
  const plan = await rotator.plan(lab.key)
  assert.deepEqual([plan.dependents, plan.refusal], [{ bucket: buckets }, null])
  assert.deepEqual(await rotator.list(), [])

  let turns = 0
  const turning = setInterval(() => (turns += 1), 5)
  const rotated = await rotator.rotate(lab.key).finally(() => clearInterval(turning))
  assert.ok(turns > 1, `${turns} turns`)
  assert.deepEqual([rotated.rotated, rotated.verdict], ['completed', 'clean'])
  assert.deepEqual(rotated.census, { ours: 1, presumed: 0, others: 0 })

  const [summary, ...more] = await rotator.history(lab.key)
  assert.equal(more.length, 0)
  const report = await rotator.status(summary.rotation.slice(0, 8))
  assert.equal(report.chain_head, rotated.chain_head)
  assert.equal(report.is_test, true)
  const outcomes = (await rotator.dependents(summary.rotation)).map((row) => row.outcome?.outcome)
  assert.deepEqual(outcomes, Array(buckets).fill('rekeyed'))
  assert.ok((await rotator.verifyJournal()) > buckets)

  assert.equal((await rotator.rotate(lab.key)).rotated, 'not_due')
  assert.deepEqual(await rotator.rotateDue(), [])
})

test('doctor names every assumption and refuses to mint on a key in use', { skip }, async (t) => {
  const lab = await emulator(t)
  const rotator = await Rotator.open(lab.keywheel_config)
  const checkup = await rotator.doctor()
  const verdicts = Object.fromEntries(checkup.sections[0].checks.map((check) => [check.id, check.verdict]))
  assert.deepEqual(Object.keys(verdicts), ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7'])
  assert.deepEqual([verdicts.A1, verdicts.A4, verdicts.A7], ['unknown', 'holds', 'ours'])
  const names = checkup.sections.map((section) => section.name)
  assert.deepEqual(names, ['assumptions', 'connectivity', 'permissions', 'over-broad rights'])
  await assert.rejects(rotator.doctor(undefined, 'rotator'), (error) => error.kind === 'config')
  await assert.rejects(rotator.doctor(lab.key), (error) => error.kind === 'refused' && error.landed === 'no')
})

test('a refusal arrives with kind and landed', { skip }, async (t) => {
  const rotator = await Rotator.open((await emulator(t)).keywheel_config)
  await assert.rejects(rotator.plan('my key'), (error) => error instanceof KeywheelError && error.kind === 'refused')
  await assert.rejects(rotator.status('zzzzzzzz'), (error) => error.kind === 'not_found' && error.landed === 'no')
})
