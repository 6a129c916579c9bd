/** Different subscriptions of a tenant are bounded, also where many are asked for at once. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { expect, it } from "vitest"
import { localAccess } from "../../../gateway/access/access.ts"
import { Engine } from "../../../gateway/execute.ts"
import { Live, type Subscribed } from "../../../gateway/live/live.ts"
import { prepareSubscription } from "../../../gateway/live/operation.ts"
import { Wire } from "../../../gateway/live/wire.ts"
import { liveGroupsPerTenantMax } from "../../../protocols/limits.ts"
import { temporaryFolder } from "../../support/scoped.ts"
import { SlowSocket } from "./slow-socket.ts"
import { openWriter } from "./world.ts"

const access = localAccess("demo")

async function liveOf() {
  const { store } = await openWriter(join(temporaryFolder(), "graph.db"))
  const { feed, reads } = store
  const sources = { reads, live: { feed, resumeKey: randomBytes(32) } }
  const engine = new Engine(sources, () => undefined)
  const live = new Live(engine, () => () => undefined)
  const { text } = await engine.answer({ access, document: "{ entities { resume } }" })
  const after = JSON.parse(text).data.entities.resume as string
  const subscribe = (name: string, from?: string): Promise<Subscribed> => {
    const field = `${name}: entityChanged(after: $after) { key }`
    const document = `subscription ($after: String) { ${field} }`
    const variables = from === undefined ? {} : { after: from }
    const prepared = prepareSubscription(engine, { access, document, variables })
    if (!("subscription" in prepared)) throw new Error(JSON.stringify(prepared))
    const wire = new Wire(new SlowSocket(), 60_000, () => undefined)
    return live.subscribe(prepared.subscription, { wire, send: () => {}, fail: () => {} })
  }
  return { live, after, subscribe }
}

it("refuses the group that is one too many, though all are asked for at once", async () => {
  const { live, after, subscribe } = await liveOf()
  const many = Array.from({ length: liveGroupsPerTenantMax + 20 }, (_, n) => `a${n}`)
  const asked = await Promise.allSettled(many.map((name) => subscribe(name, after)))
  const refused = asked.filter(({ status }) => status === "rejected")
  expect(refused).toHaveLength(20)
  expect(refused[0]).toMatchObject({ reason: { limit: "liveGroupsPerTenantMax" } })
  expect(live.counts.groups).toBe(liveGroupsPerTenantMax)
})

it("counts a group that is joined while the last of the others is left", async () => {
  const { live, after, subscribe } = await liveOf()
  const first = await subscribe("first")
  const joining = subscribe("second", after)
  first.leave()
  const second = await joining
  const third = await subscribe("third")
  expect(live.counts.groups).toBe(2)
  second.leave()
  third.leave()
  expect([live.counts.groups, live.counts.subscribers]).toEqual([0, 0])
})
