import { expect, test } from "vitest"
import { PeerModel } from "../support/peer-model.ts"

/** One of these lost all that a stream had ahead, and both sides waited for ever. */
const firstSeed = 1_000

function storms(seeds: number, steps: number) {
  const seen = { answered: 0, refused: 0, parts: 0, streams: 0 }
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const model = new PeerModel(seed)
    for (let step = 0; step < steps; step++) model.step()
    model.end()
    expect([seed, model.broken]).toEqual([seed, []])
    for (const what of ["answered", "refused", "parts", "streams"] as const) {
      seen[what] += model.seen[what]
    }
  }
  return seen
}

test("requests are begun once and in time, and streams are whole, in any weather", () => {
  const seen = storms(60, 150)
  // Both ends are seen often, or the weather is none.
  expect(seen.answered).toBeGreaterThan(1_000)
  expect(seen.refused).toBeGreaterThan(1_000)
  expect(seen.streams).toBeGreaterThan(100)
  expect(seen.parts).toBeGreaterThan(seen.streams * 42)
})
