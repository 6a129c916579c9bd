import { expect, it } from "vitest"
import { AccessControl } from "../../../gateway/access/control.ts"
import { memoryAccessStore } from "../../../gateway/access/memory-store.ts"
import { Engine } from "../../../gateway/execute.ts"
import { temporaryFolder } from "../../support/scoped.ts"
import { withEdge } from "../written.ts"
import { tokenFor } from "./kept.ts"

const field = (key: string) =>
  `${key}: ingest(source: "s", idempotencyKey: "${key}", records: [1], waitMillis: 0) { source }`

it("a mutation writes nothing more when its token ends between two fields", async () => {
  const control = new AccessControl({ store: memoryAccessStore(), openTenant: "demo" })
  const { text, token } = tokenFor(control, "demo")
  const access = control.authenticateToken(text)
  if (access === undefined) throw new Error("The token is not good.")
  await withEdge(temporaryFolder(), async ({ ports, node }) => {
    const deeds: string[] = []
    const audit = ({ outcome }: { readonly outcome: string }) => {
      deeds.push(outcome)
      control.revoke("local", token.id)
    }
    const isOver = control.isOver.bind(control)
    const sources = { reads: ports.reads, node, writes: node.writes, audit, isOver }
    const engine = new Engine(sources, () => undefined)
    const document = `mutation { ${field("a")} ${field("b")} }`
    const { data, errors } = JSON.parse((await engine.answer({ access, document })).text)
    expect(errors).toMatchObject([{ path: ["b"], extensions: { code: "UNAUTHENTICATED" } }])
    expect([data, deeds]).toEqual([null, ["done"]])
  })
})
