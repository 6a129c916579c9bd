import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { localAccess } from "../../../gateway/access/access.ts"
import { Engine } from "../../../gateway/execute.ts"
import { LatestHub, type Sample, type Seen } from "../../../gateway/live/latest-hub.ts"
import { prepareSubscription } from "../../../gateway/live/operation.ts"
import { noCounts } from "../../../gateway/live/outlet.ts"
import { Turns } from "../../../gateway/live/turns.ts"
import { Wire } from "../../../gateway/live/wire.ts"
import { ingestAll, openEmbeddedNode } from "../../support/embedded-node.ts"
import { run } from "../../support/run.ts"
import { runScoped, temporaryFolder } from "../../support/scoped.ts"
import { query, started } from "../support.ts"
import { clientOf, listen } from "./client.ts"
import { SlowSocket } from "./slow-socket.ts"
import { openWriter, until } from "./world.ts"

const mapping = "version: 1\nrecord: {key: $.id}\nentities:\n  - {type: thing, key: $.id}\n"

async function served() {
  const folder = temporaryFolder()
  const running = await runScoped(openEmbeddedNode(join(folder, "data"), { tenants: ["demo"] }))
  const { url } = await started({ reads: running.ports.reads, node: running.node })
  const ingest = async (source: string, records: number) => {
    const file = join(folder, `${source}.ndjson`)
    const lines = Array.from({ length: records }, (_, n) => JSON.stringify({ id: `${n}` }))
    writeFileSync(file, `${lines.join("\n")}\n`)
    const jobs = [{ source, format: "ndjson" as const, file, mapping }]
    await run(ingestAll(running, jobs))
  }
  return { url, client: clientOf(url.replace("http", "ws")), ingest }
}

interface Progress {
  readonly source: string
  readonly phase: string
  readonly read: number
  readonly gap: number
}

it("tells how connectors go on, of one source or of all", async () => {
  const { url, client, ingest } = await served()
  await ingest("first", 10)
  const fields = "{ source phase read accepted gap }"
  const all = listen<Progress>(client, `subscription { sourceProgress ${fields} }`)
  const one = listen<Progress>(client, `subscription { sourceProgress(source: "two") ${fields} }`)
  await until(() => all.events.length === 1)
  expect(all.events[0]).toMatchObject({ source: "first", phase: "done", read: 10, gap: 0 })
  await ingest("two", 5_000)
  const isDone = ({ source, phase }: Progress) => source === "two" && phase === "done"
  await until(() => all.events.some(isDone) && one.events.some(isDone))
  expect(one.events.every(({ source }) => source === "two")).toBe(true)
  expect(one.events.at(-1)).toMatchObject({ read: 5_000, accepted: 5_000 })
  const answer = (await query(url, `{ progress ${fields} }`)).json()
  expect(answer.data?.progress).toMatchObject([
    { source: "first", read: 10 },
    { source: "two", read: 5_000 },
  ])
})

it("tells each actor as it is, and then those that change", async () => {
  const { client, ingest } = await served()
  const document = `subscription { actorChanged {
    address gap actor { state mailbox { handled } } } }`
  const told = listen<{ address: string; actor: { mailbox: { handled: number } } | null }>(
    client,
    document,
  )
  await until(() => told.events.length > 2)
  const first = new Set(told.events.map(({ address }) => address))
  expect(first.size).toBe(told.events.length)
  await ingest("first", 500)
  await until(() => told.events.some(({ actor }) => (actor?.mailbox.handled ?? 0) > 0))
  expect(told.errors).toEqual([])
})

it("shows the newest state only, and how many were left out, to who reads slowly", async () => {
  const writer = await openWriter(join(temporaryFolder(), "graph.db"))
  const engine = new Engine({ reads: writer.store.reads }, () => undefined)
  const prepared = prepareSubscription(engine, {
    access: localAccess("demo"),
    document: "subscription { actorChanged { address gap } }",
  })
  if (!("subscription" in prepared)) throw new Error("refused")
  let state = 0
  const thing = (address: string): [string, Seen] => [
    address,
    { look: `${state}`, show: (gap) => ({ address: `${address} ${state}`, gap }) },
  ]
  let names = ["a", "b"]
  const hub = new LatestHub({
    look: (): Sample => new Map(names.map(thing)),
    gone: (address) => (gap) => ({ address: `${address} gone`, gap }),
    turns: new Turns(),
    counts: noCounts(),
  })
  const socket = new SlowSocket()
  const wire = new Wire(socket, 60_000, () => undefined)
  const told: string[] = []
  const outlet = {
    wire,
    fail: (error: unknown) => void told.push(String(error)),
    send: (frames: readonly { readonly payload: Buffer }[]) => {
      for (const { payload } of frames) {
        const { address, gap } = JSON.parse(String(payload)).data.actorChanged
        told.push(`${address} +${gap}`)
      }
      wire.write(Buffer.alloc(1024 ** 2), frames.length)
    },
  }
  socket.stop()
  const subscriber = hub.subscribe(prepared.subscription, undefined, outlet)
  await until(() => told.length === 2)
  expect(told).toEqual(["a 0 +0", "b 0 +0"])
  for (const next of [1, 2, 3]) {
    state = next
    const looked = subscriber.untold.get("a") ?? 0
    await until(() => (subscriber.untold.get("a") ?? 0) > looked)
  }
  names = ["a"]
  await until(() => subscriber.untold.get("b") === 4)
  socket.take()
  await until(() => told.length === 4)
  expect(told.slice(2)).toEqual(["a 3 +2", "b gone +3"])
  hub.leave(subscriber)
})
