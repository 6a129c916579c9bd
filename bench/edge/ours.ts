/** The edge as a node serves it, over the graph at the path given, asked with a token. */
import * as Effect from "effect/Effect"
import { AccessControl } from "../../gateway/access/control.ts"
import { memoryAccessStore } from "../../gateway/access/memory-store.ts"
import { startGateway } from "../../gateway/index.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { runMain } from "../../test/support/run-main.ts"
import { serveParent } from "./contestant-child.ts"
import { tenant } from "./graph.ts"

const [path = ""] = process.argv.slice(2)

runMain(
  Effect.gen(function* () {
    const { reads } = yield* openGraphStore({ path })
    const metrics = new MetricRegistry()
    const control = new AccessControl({ store: memoryAccessStore(), openTenant: tenant })
    const lastsMillis = 3_600_000
    const grant = { tenant, scopes: ["read"], label: "bench", lastsMillis }
    const { text } = control.create("local", grant)
    const options = { reads, control, metrics, port: 0, development: false, tenant }
    const { url } = yield* startGateway(options)
    serveParent({ port: Number(new URL(url).port), client: { authorization: `Bearer ${text}` } })
    yield* Effect.never
  }),
)
