/**
 * A node for tests that kill and pause processes: it takes part in placement on real servers, and
 * writes a record for each shard that it works on, again and again. It tells on stderr, a line of
 * JSON each, what it opens and closes and what is refused. SIGTERM drains it.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { openRegister } from "../../runtime/adapters/jetstream/register.ts"
import {
  makeNodeHost,
  type Ownership,
  openJetStream,
  runPlacement,
  type ShardWork,
  takeOver,
} from "../../runtime/index.ts"
import { run } from "./run.ts"

const [servers = "", name = "", node = "", replicas = "1"] = process.argv.slice(2)
const writeEveryMillis = 2_000

export interface Told {
  /** `late`: what became of a write that was made after the shard was lost. */
  readonly event: "started" | "opened" | "closed" | "late" | "fenced" | "left" | "failed"
  readonly shard?: number
  readonly epoch?: number
  readonly why?: string
}

const tell = (told: Told) => process.stderr.write(`${JSON.stringify(told)}\n`)

const small = { blocksBytesMax: 64 * 1024 ** 2, stateBytesMax: 64 * 1024 ** 2 }

const program = Effect.gen(function* () {
  const options = { servers, name, replicas: Number(replicas), bounds: small }
  const { log, state, broker } = yield* openJetStream(options)
  const register = yield* openRegister(broker, options)
  const working = new Map<number, { readonly owner: Ownership; fiber: Fiber.Fiber<void> }>()
  let fenced: (owner: Ownership) => void = () => undefined

  /** Until a higher epoch is met. */
  const writes = (owner: Ownership) => {
    const entry = { path: ["beat"], value: new TextEncoder().encode(node) }
    return state.write(owner, [entry]).pipe(
      Effect.catchTag("Unavailable", () => Effect.void),
      Effect.andThen(Effect.sleep(writeEveryMillis)),
      Effect.forever,
      Effect.catch((error) =>
        Effect.sync(() => {
          tell({ event: "fenced", shard: owner.shard, epoch: owner.epoch, why: error._tag })
          fenced(owner)
        }),
      ),
    )
  }
  /** Tells what becomes of a write of a former owner, once the log answers. */
  const writeLate = ({ shard, epoch }: Ownership) =>
    state.write({ shard, epoch }, [{ path: ["beat"], value: undefined }]).pipe(
      Effect.retry({ while: ({ _tag }) => _tag === "Unavailable" }),
      Effect.as("written"),
      Effect.catch(({ _tag }) => Effect.succeed(_tag)),
      Effect.map((why) => tell({ event: "late", shard, epoch, why })),
    )
  const work: ShardWork = {
    open: (shard) =>
      Effect.gen(function* () {
        const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
        const [owner] = owners
        if (owner === undefined) return yield* Effect.die("no epoch was given")
        working.set(shard, { owner, fiber: yield* Effect.forkDetach(writes(owner)) })
        tell({ event: "opened", shard, epoch: owner.epoch })
        return owner.epoch
      }),
    close: (shard, why) =>
      Effect.gen(function* () {
        const one = working.get(shard)
        working.delete(shard)
        if (one === undefined) return
        yield* Fiber.interrupt(one.fiber)
        if (why === "lost") yield* Effect.forkDetach(writeLate(one.owner))
        tell({ event: "closed", shard, why })
      }),
  }
  const host = makeNodeHost()
  const incarnation = `i${process.pid}`
  const taking = { node, incarnation, weight: 1, register, work, host }
  const placement = yield* runPlacement(taking)
  fenced = ({ shard, epoch }) => placement.fenced(shard, epoch)
  process.on("SIGTERM", () => placement.order("drain"))
  tell({ event: "started" })
  const failed = Effect.map(placement.failed, ({ message }) =>
    tell({ event: "failed", why: message }),
  )
  const left = Effect.map(placement.left, () => tell({ event: "left" }))
  yield* Effect.raceFirst(left, failed)
})

const alive = setInterval(() => undefined, 60_000)
await run(Effect.scoped(program))
clearInterval(alive)
