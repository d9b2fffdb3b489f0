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
