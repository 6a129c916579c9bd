/**
 * What the runtime needs of the world it runs in. The node's host uses microtasks, `setImmediate`
 * and the process clock; the simulator's uses virtual time and a seeded generator. Nothing else in
 * `runtime/core` may know the time, draw a number or wait (architecture D9).
 */
export interface Host {
  /** Runs `task` soon, before other input is looked at (a microtask). */
  readonly wake: (task: () => void) => void
  /** Runs `task` after the host has looked at its other work (`setImmediate`). */
  readonly yield: (task: () => void) => void
  /** Milliseconds of a clock that never goes back; its zero has no meaning. */
  readonly nowMillis: () => number
  /** Microseconds since 1970: for people, records and what outlives the process; no deadlines. */
  readonly wallMicros: () => number
  /** Runs `task` once after at least `millis`; the returned function takes it back. */
  readonly after: (millis: number, task: () => void) => () => void
  /** Uniform in [0, 1). */
  readonly random: () => number
}
