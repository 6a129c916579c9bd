/**
 * A subscriber over restarts and `kill -9` of its node: what it is told altogether, coming back
 * each time with the last `resume` that it saw, is every change once.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { type Change, changesDocument, clientOf, listen } from "../gateway/live/client.ts"
import { until } from "../gateway/live/world.ts"
import { query } from "../gateway/support.ts"
import type { Started } from "../support/child.ts"
import { start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

const records = 30_000

function folderWithSource(): string {
  const folder = temporaryFolder()
  const lines = Array.from({ length: records }, (_, n) => JSON.stringify({ id: `k${n}` }))
  writeFileSync(join(folder, "things.ndjson"), `${lines.join("\n")}\n`)
  writeFileSync(
    join(folder, "things.yaml"),
    "version: 1\nrecord: {key: $.id}\nentities:\n  - {type: thing, key: $.id, name: $.id}\n",
  )
  return folder
}

function configure(folder: string, sources: string): void {
  const tenants = `tenants:\n  demo:\n    sources: ${sources}\n`
  // So slow that some are left for the last start, however late the signals come.
  const limits = "limits: {recordsPerSecondMax: 2500}\n"
  writeFileSync(
    join(folder, "intelgraph.yaml"),
    `version: 1\ngateway: {port: 0}\n${limits}${tenants}`,
  )
}

async function listening(node: Started, after: string) {
  const url = await node.says(/GraphQL: (\S+)/)
  const client = clientOf(url.replace("http", "ws"))
  return { url, told: listen<Change>(client, changesDocument, { after }) }
}

it("is told every change once, over kills and a restart", async () => {
  const folder = folderWithSource()
  configure(folder, "[]")
  const empty = start({ folder }, "start")
  const url = await empty.says(/GraphQL: (\S+)/)
  const page = (await query(url, "{ entities { resume items { key } } }")).json().data?.entities
  let { resume: after } = page as { readonly resume: string }
  empty.child.kill("SIGINT")
  await empty.ended

  configure(folder, "[{name: things, format: ndjson, file: things.ndjson, mapping: things.yaml}]")
  const seen: Change[] = []
  const ways = ["SIGKILL", "SIGKILL", "SIGINT", "SIGKILL", "SIGKILL"] as const
  for (const [time, signal] of ways.entries()) {
    const node = start({ folder }, "start")
    const { told } = await listening(node, after)
    await until(() => told.events.length > 400 * (time + 1))
    node.child.kill(signal)
    await told.ended
    await node.ended
    seen.push(...told.events)
    after = told.events.at(-1)?.resume ?? after
  }
  expect(seen.length).toBeLessThan(records)
  const node = start({ folder }, "start")
  const { told } = await listening(node, after)
  await until(() => seen.length + told.events.length >= records)
  seen.push(...told.events)
  const revisions = seen.map(({ revision }) => revision)
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
  expect(new Set(seen.map(({ key }) => key)).size).toBe(records)
  expect(seen.every(({ kind }) => kind === "CREATED")).toBe(true)
})
