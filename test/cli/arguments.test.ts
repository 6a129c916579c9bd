import { describe, expect, it } from "vitest"
import { readCommand } from "../../cli/arguments.ts"
import { helpOf, helpOfAll } from "../../cli/help.ts"
import { verbs } from "../../cli/table.ts"

const kindOf = (...argv: string[]) => readCommand(argv).kind

function given(...argv: string[]) {
  const command = readCommand(argv)
  if (command.kind !== "run") throw new Error(`it is ${JSON.stringify(command)}`)
  return { verb: command.verb.name, ...command.given }
}

function message(...argv: string[]): string {
  const command = readCommand(argv)
  return command.kind === "usage" ? command.message : `no usage error but ${command.kind}`
}

describe("the words of a command line", () => {
  it("name a verb, its words and its flags in any order", () => {
    expect(given("ingest", "a.csv", "--source", "people", "b.csv", "--json")).toMatchObject({
      verb: "ingest",
      words: ["a.csv", "b.csv"],
      flags: { source: "people", json: true },
    })
    expect(given("ingest", "--source=people", "a.csv").flags.source).toBe("people")
    expect(given("dlq", "show", "x1").verb).toBe("dlq show")
  })

  it("take what follows -- as it is", () => {
    expect(given("query", "--", "--odd").words).toEqual(["--odd"])
  })

  it.each([
    [["fly"], 'There is no command "fly".'],
    [["dlq", "fly"], 'There is no command "dlq fly"; there is ls, show, redrive, drop.'],
    [["ingest"], "ingest needs FILE…."],
    [["query", "a", "b"], '"b" is one word too many.'],
    [["status", "--colour"], 'status has no flag "--colour".'],
    [["status", "--__proto__"], 'status has no flag "--__proto__".'],
    [["status", "--tenant"], "--tenant needs NAME."],
    [["status", "--tenant="], "--tenant needs NAME."],
    [["status", "--tenant", "--json"], '--tenant needs NAME, and "--json" looks like a flag.'],
    [["status", "--json=yes"], "--json takes no value."],
    [["status", "--tenant", "a", "--tenant", "b"], "--tenant is given twice."],
  ])("are refused with a sentence: %j", (argv, sentence) => {
    expect(message(...argv)).toContain(sentence)
  })

  it.each([[[]], [["--help"]], [["help"]], [["status", "--help"]], [["dlq"]], [["dlq", "-h"]]])(
    "ask for help: %j",
    (argv) => expect(kindOf(...argv)).toBe("help"),
  )

  it("ask for the version", () => expect(kindOf("--version")).toBe("version"))
})

describe("help", () => {
  it("names every verb, and of each verb every flag", () => {
    for (const verb of verbs) {
      expect(helpOfAll()).toContain(verb.name)
      for (const flag of Object.keys(verb.flags)) expect(helpOf(verb)).toContain(`--${flag}`)
      expect(verb.examples.length).toBeGreaterThan(0)
    }
  })

  it("fits 100 columns", () => {
    for (const text of [helpOfAll(), ...verbs.map(helpOf)]) {
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  it.each(verbs.map((verb) => [verb.name, verb] as const))("can load %s", async (_name, verb) => {
    expect(typeof (await verb.load()).run).toBe("function")
  })
})
