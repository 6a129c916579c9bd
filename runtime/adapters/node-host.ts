/**
 * The host of a real node: microtasks, `setImmediate` and the process's clocks.
 *
 * Timers do not keep the process alive: what runs a node (the command line, a server, a test) does.
 * An actor that waits for a timer is no reason to go on when nobody is left to hear of it.
 */
import { randomFillSync } from "node:crypto"
import type { Host } from "../core/host.ts"

/** Longer waits would overflow the timer's 32 bits and end at once. */
const timeoutMillisMax = 2 ** 31 - 1

export function makeNodeHost(): Host {
  const words = new Uint32Array(256)
  let next = words.length
  return {
    wake: queueMicrotask,
    yield: setImmediate,
    nowMillis: () => performance.now(),
    wallMicros: () => Date.now() * 1000,
    after: (millis, task) => {
      const timer = setTimeout(task, Math.min(millis, timeoutMillisMax)).unref()
      return () => clearTimeout(timer)
    },
    random: () => {
      if (next === words.length) {
        randomFillSync(words)
        next = 0
      }
      return (words[next++] ?? 0) / 2 ** 32
    },
  }
}
