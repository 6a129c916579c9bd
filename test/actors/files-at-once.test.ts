/** How many files a node reads at once, and that nothing else waits for them. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { filesReadMax, tenantsReadMax } from "../../protocols/limits.ts"
import { ingestAll, requestOf } from "../support/embedded-node.ts"
import { until } from "../support/node-faults.ts"
import { expectDone, source, withNode } from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

/** Sources whose files are not read on before somebody says so; writes are. */
class HeldFiles {
  open = 0
  readonly letGo = Deferred.makeUnsafe<void>()

  readonly wrap = (ports: Ports): Ports => ({
    ...ports,
    sources: {
      ...ports.sources,
      open: (spec, placeOf) => {
        if (spec.write !== undefined) return ports.sources.open(spec, placeOf)
        const counted = Effect.acquireRelease(
          Effect.sync(() => this.open++),
          () => Effect.sync(() => this.open--),
        )
        const opened = Effect.andThen(counted, ports.sources.open(spec, placeOf))
        const held = Deferred.await(this.letGo)
        return Effect.map(opened, (one) => ({ ...one, next: Effect.andThen(held, one.next) }))
      },
    },
  })
}

it("reads so many files of all tenants at once, and writes beside them", async () => {
  const folder = temporaryFolder()
  const tenants = Array.from({ length: tenantsReadMax }, (_, n) => `tenant-${n}`)
  const filesOfEach = filesReadMax / tenantsReadMax + 2
  const jobs = tenants.flatMap((tenant) =>
    Array.from({ length: filesOfEach }, (_, n) => source(folder, `s${n}`, { records: 1 }, tenant)),
  )
  const files = new HeldFiles()
  await withNode(folder, { partitions: 1, tenants, wrap: files.wrap }, (running) =>
    Effect.gen(function* () {
      const ingests = yield* Effect.forkScoped(ingestAll(running, jobs))
      yield* until("as many as may are open", () => files.open >= filesReadMax)
      const written = requestOf(source(folder, "written", { records: 1 }, "tenant-0"))
      const write = { path: written.file, incarnation: "write:1:a" }
      expectDone([yield* running.node.ingest({ ...written, write })])
      expect(files.open).toBe(filesReadMax)
      yield* Deferred.succeed(files.letGo, undefined)
      expectDone(yield* Fiber.join(ingests))
    }),
  )
})
