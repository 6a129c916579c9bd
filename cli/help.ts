/** What `--help` says, from the table of verbs. */
import { verbs } from "./table.ts"
import type { Verb } from "./verb.ts"

const command = "npx --no intelgraph"

export function helpOfAll(group?: string): string {
  const shown = verbs.filter(({ name }) => group === undefined || name.startsWith(`${group} `))
  return [
    `usage: ${command} ${group ?? "COMMAND"} …`,
    "",
    ...columns(shown.map(({ name, words, summary }) => [`${name} ${words}`.trimEnd(), summary])),
    "",
    `See \`${command} COMMAND --help\` for one of them. Results go to stdout, all else to stderr.`,
    "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a limit, 130 second Ctrl-C.",
    "",
  ].join("\n")
}

export function helpOf(verb: Verb): string {
  const flags = Object.entries(verb.flags).map(([name, flag]): [string, string] => {
    const { value, help, repeats } = flag
    const shown = value === undefined ? `--${name}` : `--${name} ${value}`
    return [repeats === undefined ? shown : `${shown} …`, help]
  })
  return [
    `usage: ${usageOf(verb)}`,
    "",
    `${verb.summary}.`,
    "",
    ...columns([...flags, ["--help", "this text"]]),
    "",
    ...verb.examples.map((example) => `  ${command} ${example}`),
    "",
  ].join("\n")
}

export const usageOf = (verb: Verb): string =>
  [command, verb.name, verb.words, "[FLAGS]"].filter((part) => part !== "").join(" ")

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)
}
