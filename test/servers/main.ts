/** `npm run servers -- up|down|status|fetch [KIND…] [--json]`: real servers for development. */
import { parseArgs } from "node:util"
import { isKindName, type KindName, kindNames } from "./kinds.ts"
import { ServerUnavailable } from "./unavailable.ts"
import { down, fetchAll, type Status, statusOf, up } from "./verbs.ts"

const usage = `usage: npm run servers -- VERB [KIND…] [--json]
  up      starts what does not run, and what has ended again; obtains it first where it is missing
  down    ends it and removes its files
  status  tells what runs, where and under which process id
  fetch   obtains what is missing and starts nothing
kinds: ${kindNames.join(", ")}; all of them where none is named
`

const verbs: Readonly<Record<string, (names: readonly KindName[]) => Promise<void>>> = {
  up: async (names) => {
    await fetchAll(names)
    await allOf(names, up)
  },
  down: (names) => allOf(names, down),
  status: async () => {},
  fetch: fetchAll,
}

try {
  await main()
} catch (error) {
  if (!(error instanceof ServerUnavailable)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { verb, names, json } = readArguments(process.argv.slice(2))
  await verb(names)
  if (verb === fetchAll) return
  const told = names.map((name) => statusOf(name))
  process.stdout.write(json ? `${JSON.stringify(told)}\n` : told.map(asLines).join(""))
}

function readArguments(args: readonly string[]) {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean", default: false } },
    })
    const [word = "", ...rest] = positionals
    const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined
    const names = rest.length === 0 ? kindNames : rest.filter(isKindName)
    if (verb !== undefined && names.length >= rest.length) {
      return { verb, names: [...new Set(names)], json: values.json }
    }
  } catch {
    // An option that there is not.
  }
  process.stderr.write(usage)
  process.exit(2)
}

/** Does it for all kinds at once, and tells of every one that failed. */
async function allOf(names: readonly KindName[], act: (name: KindName) => Promise<void>) {
  const ended = await Promise.allSettled(names.map(act))
  const failed = ended.flatMap((one) => (one.status === "rejected" ? [one.reason] : []))
  const strange = failed.find((reason) => !(reason instanceof ServerUnavailable))
  if (strange !== undefined) throw strange
  if (failed.length > 0)
    throw new ServerUnavailable(failed.map(({ message }) => message).join("\n"))
}

function asLines({ name, servers }: Status): string {
  if (servers.length === 0) return `${name}: down\n`
  return servers
    .map((one) => {
      const secret = one.password === undefined ? "" : `, user ${one.user}, ${one.password}`
      const process = one.state === "up" ? `process ${one.pid}` : `process ${one.pid} has ended`
      return `${name}: ${one.name} ${one.version}, ${process}, ${one.url}${secret}\n`
    })
    .join("")
}
