import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { ConnectorProgress } from "../../actors/index.ts"
import { plainLine, progressLines, whileShown } from "../../cli/progress.ts"
import { Screen } from "../../cli/screen.ts"
import { figure, textTable } from "../../cli/text-table.ts"
import { noSourceCounters } from "../../protocols/counters.ts"
import { runExit } from "../support/run.ts"

const wide = { columns: 100, rows: 24 }

const connector = (changes: Partial<ConnectorProgress> = {}): ConnectorProgress => ({
  tenant: "demo",
  source: "attack",
  file: "attack.json",
  phase: "reading",
  counters: { ...noSourceCounters, refused: 1, deadLettered: 1234 },
  fileBytes: 200,
  fileBytesRead: 50,
  offered: 24_771,
  refusedBlocks: 2,
  mailboxDepth: 7,
  seconds: 3,
  preStorageP95Millis: 0,
  error: undefined,
  ...changes,
})

describe("progress", () => {
  it("shows per connector records, their rate, mailbox, refused and dead-lettered", () => {
    const [header, first, ...rest] = progressLines([connector(), connector({ source: "x" })], wide)
    expect(header).toMatch(/records\s+records\/s\s+mailbox\s+refused\s+dead-lettered/)
    expect(first?.split(/\s{2,}/)).toEqual([
      "attack",
      "reading",
      "25 %",
      "24,771",
      "8,257",
      "7",
      "3",
      "1,234",
    ])
    expect(rest).toHaveLength(1)
  })

  it("says the same in one plain line", () => {
    expect(plainLine(connector())).toBe(
      "attack: reading 25 %, 24,771 records, 8,257/s, mailbox 7, refused 3, dead-lettered 1,234",
    )
  })

  it("has no rate before time has passed and no share of a file of unknown size", () => {
    expect(plainLine(connector({ seconds: 0, fileBytes: 0 }))).toContain("reading 0 %")
    expect(plainLine(connector({ seconds: 0 }))).toContain(", 0/s,")
    expect(plainLine(connector({ phase: "skipped", fileBytes: 0 }))).toContain("skipped 100 %")
  })

  it("never draws wider than the terminal", () => {
    const long = connector({ source: "s".repeat(300) })
    for (const columns of [1, 20, 79]) {
      for (const line of progressLines([long], { columns, rows: 24 })) {
        expect(line.length).toBeLessThanOrEqual(Math.max(1, columns - 1))
      }
    }
  })

  it("never draws higher than the terminal, and counts what it leaves out", () => {
    const many = (["done", "waiting", "reading", "failed"] as const).flatMap((phase) =>
      [1, 2, 3].map((n) => connector({ source: `${phase} ${n}`, phase })),
    )
    const sources = (rows: number) =>
      progressLines(many, { columns: 100, rows }).map((line) => line.split(/\s{2,}/)[0])
    expect(sources(14)).toEqual(["source", ...many.map(({ source }) => source)])
    expect(sources(9)).toEqual([
      "source",
      "reading 1",
      "reading 2",
      "reading 3",
      "failed 1",
      "failed 2",
      "failed 3",
      "6 more",
    ])
    for (let rows = 1; rows < 20; rows++) expect(sources(rows).length).toBeLessThan(rows)
  })

  it("draws over what it drew before, also with fewer lines", () => {
    expect(shown(["a", "b"], ["cc"], ["d", "e", "f"])).toEqual(["d", "e", "f", ""])
    expect(shown(["aaaa", "bbbb"], ["c"])).toEqual(["c", "", ""])
    expect(shown(["aaaa"], ["b"])).toEqual(["b", ""])
  })

  it("leaves lines that are told meanwhile above it, and itself above those that follow", () => {
    expect(shown("one", ["a", "b"], "two", ["c", "d"], "three")).toEqual([
      "one",
      "two",
      "three",
      "c",
      "d",
      "",
    ])
    expect(shown(["a", "b"], "one", "leave", "two", ["c"])).toEqual([
      "one",
      "a",
      "b",
      "two",
      "c",
      "",
    ])
  })

  it("writes no codes where nothing is drawn", () => {
    const written: string[] = []
    const screen = new Screen((text) => void written.push(text))
    screen.tell("one")
    screen.leave()
    screen.tell("two")
    expect(written.join("")).toBe("one\ntwo\n")
  })
})

describe("a terminal while connectors work", () => {
  const ofTerminal = () => {
    const { screen, rows } = screenOf()
    const { promise: drawn, resolve } = Promise.withResolvers<void>()
    const io = {
      tell: (line: string) => screen.tell(line),
      draw: (lines: readonly string[]) => {
        screen.draw(lines)
        resolve()
      },
      leave: () => screen.leave(),
      isTerminal: true,
      size: () => wide,
    }
    return { io, rows, drawn }
  }

  it("shows what is told above the table, its last state, and what follows below it", async () => {
    for (const end of [Effect.void, Effect.fail("broken")]) {
      const { io, rows, drawn } = ofTerminal()
      let state: Partial<ConnectorProgress> = {}
      const work = Effect.gen(function* () {
        yield* Effect.promise(() => drawn)
        io.tell("told")
        state = { phase: "done" }
        yield* end
      })
      await runExit(whileShown(() => [connector(state)], io, work))
      io.tell("after")
      const table = progressLines([connector({ phase: "done" })], wide)
      expect(rows).toEqual(["told", ...table, "after", ""])
    }
  })

  it("shows all connectors in the end, also those that have no room", async () => {
    const { io, rows, drawn } = ofTerminal()
    const many = Array.from({ length: 2 * wide.rows }, (_, n) => connector({ source: `s${n}` }))
    await runExit(
      whileShown(
        () => many,
        io,
        Effect.promise(() => drawn),
      ),
    )
    expect(rows).toHaveLength(many.length + 2)
  })
})

/** What a terminal shows of lines that are told, and of several that are drawn. */
function shown(...steps: readonly (string | readonly string[])[]): readonly string[] {
  const { screen, rows } = screenOf()
  for (const step of steps) {
    if (step === "leave") screen.leave()
    else if (typeof step === "string") screen.tell(step)
    else screen.draw(step)
  }
  return rows
}

function screenOf() {
  const rows: string[] = [""]
  let row = 0
  const screen = new Screen((text) => {
    for (const [, up, erase, newline, plain] of text.matchAll(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own codes
      /\u001b\[(\d+)A|(\u001b\[2K)|(\n)|([^\u001b\n]+)/g,
    )) {
      if (up !== undefined) row -= Number(up)
      else if (erase !== undefined) rows[row] = ""
      else if (newline !== undefined) rows[++row] ??= ""
      else rows[row] += plain ?? ""
    }
  })
  return { screen, rows }
}

describe("tables", () => {
  it("put text left and figures right", () => {
    expect(
      textTable(
        ["name", "n"],
        [
          ["a", 1_234_567],
          ["long name", 5],
        ],
      ).split("\n"),
    ).toEqual(["name               n", "a          1,234,567", "long name          5"])
  })

  it("let no name move the cursor, begin a line or turn the rest around", () => {
    const name = "a\n\u001b[2Jb\u009b1mc\u202ed\u2028é 👩‍💻"
    expect(textTable(["name"], [[name]]).split("\n")).toEqual([
      "name",
      "a\\u000a\\u001b[2Jb\\u009b1mc\\u202ed\\u2028é 👩‍💻",
    ])
  })

  it("write figures the same everywhere", () => {
    expect([0, 999, 1000, -1_234_567, 1234.5].map(figure)).toEqual([
      "0",
      "999",
      "1,000",
      "-1,234,567",
      "1,234.5",
    ])
  })
})
