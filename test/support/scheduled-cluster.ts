/** Nodes of one process on one log and graph, each told the same schedules. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { onTestFinished } from "vitest"
import { fileSource } from "../../actors/adapters/file-source.ts"
import {
  type IntelNode,
  makeNode,
  type Ports,
  type ScheduledReading,
  type ScheduledSource,
} from "../../actors/index.ts"
import { openDataDirectory, openEmbeddedLog, type Register } from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { MemoryRegister } from "./memory-register.ts"
import { closeScope, openScope, run } from "./run.ts"
import { runScoped } from "./scoped.ts"
import type { WallClock } from "./wall-clock.ts"

export interface ScheduledNode {
  readonly name: string
  readonly node: IntelNode
  readonly ports: Ports
  /** Shards whose actors work here. */
  readonly open: ReadonlySet<number>
  readonly readings: readonly ScheduledReading[]
  readonly close: () => Promise<void>
}

/** Stands before what one node writes, as where it is paused. */
export interface Held {
  readonly write?: (write: Ports["state"]["write"]) => Ports["state"]["write"]
  readonly put?: (put: Register["put"]) => Register["put"]
}

export async function openScheduledCluster(
  folder: string,
  clock: WallClock,
  scheduled: readonly ScheduledSource[],
) {
  const shared = await runScoped(
    Effect.gen(function* () {
      const directory = yield* openDataDirectory(join(folder, "data"))
      const { log, state } = yield* openEmbeddedLog(directory)
      const { sink, reads } = yield* openGraphStore({ path: directory.files.graph })
      return { log, state, sink, reads }
    }),
  )
  const register = new MemoryRegister()
  return async (name: string, held: Held = {}): Promise<ScheduledNode> => {
    const scope = openScope()
    const close = () => closeScope(scope)
    onTestFinished(close)
    const [open, readings] = [new Set<number>(), [] as ScheduledReading[]]
    const state = { ...shared.state, write: held.write?.(shared.state.write) ?? shared.state.write }
    const ports: Ports = { ...shared, state, host: clock.makeHost(), sources: fileSource }
    const own = { ...register, put: held.put?.(register.put) ?? register.put }
    const made = makeNode(ports, {
      tenants: [{ tenant: "demo" }],
      watch: {
        readings: (reading) => readings.push(reading),
        shards: ({ event, shard }) => {
          if (event === "opened") open.add(shard)
          if (event === "closed") open.delete(shard)
        },
      },
      cluster: { node: name, incarnation: name, weight: 1, register: own },
    })
    const node = await run(Scope.provide(made, scope))
    await run(Effect.orDie(node.schedules?.begin(scheduled) ?? Effect.void))
    return { name, node, ports, open, readings, close }
  }
}
