import * as Result from "effect/Result"
import * as SchemaParser from "effect/SchemaParser"
import { describe, expect, it } from "vitest"
import type { IngestReport } from "../../actors/index.ts"
import { answerText, summaryOf, summaryTable } from "../../cli/summary.ts"
import { noSourceCounters } from "../../protocols/counters.ts"
import { SummarySchema } from "../../protocols/summary.ts"

const report = (changes: Partial<IngestReport>): IngestReport => ({
  tenant: "demo",
  source: "a",
  file: "a.json",
  phase: "done",
  counters: { ...noSourceCounters, read: 100, accepted: 100 },
  fileBytes: 1,
  fileBytesRead: 1,
  offered: 100,
  refusedBlocks: 0,
  mailboxDepth: 0,
  seconds: 2,
  preStorageP95Millis: 1.23456,
  error: undefined,
  ...changes,
})

const counts = {
  entities: 9,
  stubs: 1,
  relationships: 8,
  derived: 3,
  assertions: 20,
  ambiguous: 0,
  deadLetters: 0,
  byType: [],
  byRelationship: [],
}
const held = {
  source: "a",
  counters: noSourceCounters,
  entities: 5,
  relationships: 4,
  derived: 3,
  stubs: 1,
}
const answer = { question: "Which?", rows: [{ name: "Sandworm Team", count: 1048 }] }

const isValid = (value: unknown) =>
  Result.isSuccess(
    SchemaParser.decodeUnknownResult(SummarySchema, { onExcessProperty: "error" })(value),
  )

describe("the summary", () => {
  const reports = [
    report({}),
    report({ file: "b.json", preStorageP95Millis: 7 }),
    report({ source: "b", phase: "skipped", seconds: 0.1 }),
  ]
  const summary = summaryOf({ reports, sources: [held], counts, seconds: 4, answer })

  it("has one line per source, whose files add up", () => {
    expect(summary.connectors).toHaveLength(2)
    expect(summary.connectors[0]).toMatchObject({
      source: "a",
      read: 200,
      seconds: 4,
      eventsPerSecond: 50,
      entities: 5,
      derived: 3,
      preStorageP95Millis: 7,
    })
    expect(summary.totals).toMatchObject({ read: 300, entities: 9, relationships: 8, stubs: 1 })
  })

  it("claims no pace for what it did not read", () => {
    expect(summary.connectors[1]).toMatchObject({ read: 100, eventsPerSecond: 0 })
    expect(summary.totals.eventsPerSecond).toBe(50)
  })

  it("holds its published schema, also where nothing ran", () => {
    const nothing = summaryOf({ reports: [], sources: [], counts, seconds: 0, answer: undefined })
    for (const one of [summary, nothing]) {
      expect(isValid(JSON.parse(JSON.stringify(one)))).toBe(true)
    }
    expect(isValid({ ...summary, more: 1 })).toBe(false)
    expect(isValid({ ...summary, connectors: [{ source: "a" }] })).toBe(false)
  })

  it("is a table and an answer for people", () => {
    expect(summaryTable(summary).split("\n")).toHaveLength(4)
    expect(answerText(answer)).toBe("Which?\n   1. Sandworm Team 1,048")
  })
})
