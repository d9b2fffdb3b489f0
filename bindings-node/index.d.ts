/** What keywheel could not or would not do. */
export declare class KeywheelError extends Error {
  /** What went wrong. */
  readonly kind:
    | 'bug'
    | 'config'
    | 'conflict'
    | 'corrupt'
    | 'denied'
    | 'exhausted'
    | 'foreign'
    | 'fork'
    | 'not_found'
    | 'refused'
    | 'throttled'
    | 'timeout'
    | 'unavailable'
  /** Whether trying again makes sense. */
  readonly retry: 'never' | 'now' | 'later'
  /** How long to wait first, if the service said so. */
  readonly retryAfterMs?: number
  /** Whether the effect may have happened. */
  readonly landed: 'no' | 'maybe' | 'yes'
  /** Which operation failed. */
  readonly operation: string
  /** The service's own code. */
  readonly code?: string
  /** The HTTP status, where there was one. */
  readonly status?: number
  /** What the service called our request. */
  readonly requestId?: string
  /** Named values: OCIDs, regions, counts, paths. Never a secret. */
  readonly context: Record<string, string>
}

/** A stream of a journal that was found whole. */
export interface Stream {
  stream: string | null
  lines: number
  head: string
}

/** Resolves to the version of keywheel. */
export declare function version(): Promise<string>

/**
 * Checks one stream of a journal from its first line: its text, its hashes, its order.
 *
 * Rejects with a `KeywheelError` of kind `corrupt` at the first line that is not what was written. A tail that was
 * cut off cannot be seen in the stream itself: compare `head` with one that is kept elsewhere.
 */
export declare function verifyStream(lines: Iterable<string>): Promise<Stream>

// What the calls resolve to: plain data. Words (`kind`, `state`, `outcome`, `phase`) are strings, since later
// versions add to them.

/** What is owed to one key. */
export interface Due {
  state: string | { open: string }
  next?: string
  why: string
}

/** One row of `due`. */
export interface DueKey {
  key: string
  name: string
  current_version?: string
  due: Due
  /** When its vault will be full, at the pace of the last cryptoperiod. */
  vault_full_on?: string
}

/** A rule not met. */
export interface Finding {
  kind: string
  subject: string
  text: string
}

/** How well one region, compartment and kind could be looked at. */
export interface Coverage {
  region: string
  compartment?: string
  kind?: string
  state: string
}

/** What a rotation would do. */
export interface Plan {
  key: string
  name: string
  due: Due
  /** Nothing would be minted: data moves to the version that is current already. */
  is_sweep: boolean
  superseded: string
  refusal: string | null
  strategies: string[]
  dependents: Record<string, number>
  regions: Record<string, number>
  replicas: string[]
  holes: Coverage[]
  findings: Finding[]
  calls_read: number
  calls_write: number
  versions_held: number
  versions_reserved: number
  versions_limit: number
  vault_full_on?: string
  quiet_period: { secs: number; nanos: number }
  is_shortened: boolean
}

/** One thing that `doctor` looked at. */
export interface Check {
  id: string
  title: string
  value: string
  /** Who vouches for it: documented, unverified or ours. */
  source: { standing: string; text: string }
  /** holds, broken, unknown or ours; of rights seen_working, denied or too_broad. */
  verdict: string
  seen: string[]
  do_next?: string
}

/** Everything one run of `doctor` found. */
export interface Checkup {
  at: string
  live?: string
  sections: { name: string; checks: Check[] }[]
  is_shortened: boolean
  is_test: boolean
}

/** One row of `list` and `history`. */
export interface RotationSummary {
  rotation: string
  key: string
  superseded: string
  is_sweep: boolean
  overtaken_by?: string
  target: string | null
  phase: string
  paused: string | null
  opened_at: string
  closed_at: string | null
  dependents: number
  counts: Record<
    string,
    { outcomes: Record<string, number>; grades: Record<string, number>; scopes?: Record<string, Record<string, number>> }
  >
}

/** A grade, and what it speaks of. */
export interface Shown {
  grade: string
  scope?: string
}

/** The dependents of one kind, and so of one leg. */
export interface KindReport {
  kind: string
  leg?: number
  strategy?: string
  found: number
  open: number
  rekeyed: number
  already: number
  gone: number
  excluded: number
  manual: number
  blocked: number
  partial: number
  best?: Shown
  worst?: Shown
}

/** A dependent that a rotation could not bring to a good end. */
export interface ExceptionReport {
  dependent: DependentReport['dependent']
  outcome: { outcome: string } & Record<string, unknown>
  /** What to do. */
  remedy: string
}

/** What a rotation did, as far as it was observed. */
export interface Report {
  summary: RotationSummary
  verdict: string | null
  census: { ours: number; presumed: number; others: number }
  kinds: KindReport[]
  exceptions: ExceptionReport[]
  /** How many more exceptions there are than are named. */
  exceptions_unnamed: number
  coverage: Coverage[]
  findings: Finding[]
  chain_head: string
  is_test: boolean
}

/** One dependent, and what became of it. */
export interface DependentReport {
  dependent: { id: string; kind: string; region: string; compartment: string; name: string }
  outcome: ({ outcome: string } & Record<string, unknown>) | null
}

/** What became of a rotation. */
export type Rotated =
  | ({ rotated: 'completed' } & Report)
  | { rotated: 'cancelled'; rotation: string }
  | { rotated: 'not_due'; due: Due; next: string | null }
  | { rotated: 'out_of_time'; rotation: string }
  | { rotated: 'overtaken'; rotation: string }
  | { rotated: 'paused'; rotation: string; why: string; do_next: string }

/**
 * A rotator for the tenancy and the journal that a `keywheel.toml` names.
 *
 * A process may die in the middle of any call: the next `rotate` or `resume` goes on where the journal ends. A call
 * holds one of libuv's worker threads while it runs; raise UV_THREADPOOL_SIZE to rotate many keys at once.
 */
export declare class Rotator {
  private constructor(door: unknown)
  /** Reads the config and opens the journal; sends nothing. */
  static open(config: string): Promise<Rotator>
  /** What is owed to each key, and why. */
  due(): Promise<DueKey[]>
  /** What a rotation of this key would do; made by reads alone. */
  plan(key: string): Promise<Plan>
  /**
   * Tests what rotations rely on: with `live`, also by minting on that key, which nobody can undo. `subject`, such as
   * "dynamic-group keywheel", is whose statements are shown, and read for what is too broad.
   */
  doctor(live?: string, subject?: string): Promise<Checkup>
  /** Rotates a key if it is due, and sees the rotation through. */
  rotate(key: string): Promise<Rotated>
  /** Rotates every key that is due. A key that fails does not stop the others: each row has its own `error`. */
  rotateDue(): Promise<{ key: string; rotated: Rotated | null; error: Record<string, unknown> | null }[]>
  /** The rotations that are open. */
  list(): Promise<RotationSummary[]>
  /** Every rotation of a key, or of all keys. */
  history(key?: string): Promise<RotationSummary[]>
  /** What a rotation did so far. The beginning of its id is enough. */
  status(rotation: string): Promise<Report>
  /** Every dependent of a rotation, with its outcome if it has one. */
  dependents(rotation: string): Promise<DependentReport[]>
  /** Stops a rotation before its next effect, whoever drives it. */
  pause(rotation: string, why: string): Promise<void>
  /** Lets a paused or abandoned rotation go on, and sees it through. */
  resume(rotation: string): Promise<Rotated>
  /** Gives a rotation up; refused once a mint was intended. Not started again before `until` (RFC 3339). */
  cancel(rotation: string, until?: string): Promise<void>
  /** Checks the chain of every stream of the journal; resolves to how many lines it read. */
  verifyJournal(): Promise<number>
}
