/**
 * Nodes that talk on virtual time, while their lines are held, cut and lose frames and processes
 * are replaced; the same seed gives the same run. What must never happen is written down in
 * `broken`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { brokenMailboxEquation } from "../../protocols/counters.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { PeerPart, Peers } from "../../runtime/index.ts"
import { type ActorWorld, type Begun, makeActorWorld } from "./actor-world.ts"
import { MemoryLines } from "./memory-lines.ts"

const names = ["a", "b", "c"] as const
type Name = (typeof names)[number]

interface Process {
  readonly peers: Peers
  readonly scope: Scope.Closeable
}

interface Request {
  readonly number: number
  readonly deadlineMillis: number
  begun: number
  asked: Begun<unknown, IntelGraphError>
}

export class PeerModel {
  readonly broken: string[] = []
  readonly seen = { answered: 0, refused: 0, parts: 0, streams: 0 }
  readonly #world: ActorWorld
  readonly #lines: MemoryLines
  readonly #processes = new Map<Name, Process>()
  readonly #requests: Request[] = []
  readonly #streams: {
    readonly parts: PeerPart[]
    readonly reading: Begun<void, IntelGraphError>
  }[] = []
  #started = 0
  #lossShare = 0

  constructor(seed: number) {
    this.#world = makeActorWorld({}, seed)
    const { host } = this.#world
    this.#lines = new MemoryLines(host)
    this.#lines.isLost = () => host.random() < this.#lossShare
    for (const name of names) this.#start(name)
    host.settle()
  }

  /** One thing happens, and then some time passes. */
  step(): void {
    const { host } = this.#world
    const name = this.#any(names)
    const draw = host.random()
    if (draw < 0.5) this.#ask(name, this.#any(names))
    else if (draw < 0.65) this.#read(name, this.#any(names))
    else if (draw < 0.75) this.#lines.hold(name)
    else if (draw < 0.87) this.#lines.heal(name)
    else if (draw < 0.9) this.#lossShare = host.random() < 0.5 ? 0.05 : 0
    else if (draw < 0.93) this.#replace(name)
    else if (draw < 0.96) this.#cut(name)
    else this.#interruptOne()
    host.advance(host.random() * 400)
  }

  /** All works again; whatever was begun comes to its end. */
  end(): void {
    this.#lossShare = 0
    for (const name of names) this.#lines.heal(name)
    this.#world.host.advance(30_000)
    for (const { number, begun, asked } of this.#requests) this.#check(number, begun, asked)
    for (const { parts, reading } of this.#streams) this.#checkStream(parts, reading)
    for (const [name, { peers }] of this.#processes) {
      const counters = peers.counters()
      const equation = brokenMailboxEquation(counters)
      if (equation !== undefined) this.broken.push(`${name}: ${equation}`)
      if (counters.inTurn > 0) this.broken.push(`${name} is at work on ${counters.inTurn}`)
    }
  }

  #start(name: Name): void {
    const { host } = this.#world
    this.#started += 1
    const apartMillis = (host.random() - 0.5) * 1e9
    const scope = Scope.makeUnsafe()
    const options = {
      own: { node: name, incarnation: `i${this.#started}` },
      host: { nowMillis: () => host.nowMillis() + apartMillis, after: host.after },
    }
    const opened = Effect.gen({ self: this }, function* () {
      const peers = yield* this.#lines.open(options)
      yield* peers.serve({
        work: (number) => this.#work(Number(number)),
        count: (_, { emit }) => {
          let n = 0
          const next = Effect.suspend(() => emit(n++))
          return Effect.as(Effect.repeat(next, { times: 40 }), "end")
        },
      })
      this.#processes.set(name, { peers, scope })
    })
    this.#world.begin(Scope.provide(opened, scope))
  }

  #work(number: number): Effect.Effect<number> {
    return Effect.suspend(() => {
      const { host } = this.#world
      const request = this.#requests[number]
      if (request === undefined) return Effect.die("nobody asked for this")
      request.begun += 1
      if (request.begun > 1) this.broken.push(`${number} is begun again`)
      const lateMillis = host.nowMillis() - request.deadlineMillis
      if (lateMillis > 0) this.broken.push(`${number} is begun ${lateMillis} ms too late`)
      return Effect.as(Effect.sleep(host.random() * 1_500), number)
    })
  }

  #ask(from: Name, to: Name): void {
    const { host } = this.#world
    const peers = this.#processes.get(from)?.peers
    if (peers === undefined) return
    const number = this.#requests.length
    const millis = 20 + host.random() * 4_000
    const deadlineMillis = host.nowMillis() + millis
    const ask = Effect.suspend(() => peers.ask(to, "work", number, millis))
    const request: Request = { number, deadlineMillis, begun: 0, asked: idle }
    this.#requests.push(request)
    request.asked = this.#world.begin(ask)
  }

  #read(from: Name, to: Name): void {
    const peers = this.#processes.get(from)?.peers
    if (peers === undefined) return
    const parts: PeerPart[] = []
    const reading = Effect.gen(function* () {
      const { next } = yield* peers.stream(to, "count", null)
      while (parts.at(-1)?.kind !== "last") {
        parts.push(yield* next)
        yield* Effect.sleep(20)
      }
    })
    this.#streams.push({ parts, reading: this.#world.begin(Effect.scoped(reading)) })
  }

  #replace(name: Name): void {
    const process = this.#processes.get(name)
    if (process === undefined) return
    if (this.#world.host.random() < 0.5) this.#lines.vanish(process.peers.own)
    this.#world.begin(Scope.close(process.scope, Exit.void))
    this.#start(name)
  }

  #cut(name: Name): void {
    this.#lines.cut(name)
    this.#world.host.after(this.#world.host.random() * 2_000, () => this.#lines.mend(name))
  }

  #interruptOne(): void {
    const all = [
      ...this.#requests.map(({ asked }) => asked),
      ...this.#streams.map((s) => s.reading),
    ]
    if (all.length > 0) this.#any(all).interrupt()
  }

  #check(number: number, begun: number, asked: Begun<unknown, IntelGraphError>): void {
    const exit = asked.exit()
    if (exit === undefined) this.broken.push(`${number} has no end`)
    else if (exit._tag === "Failure") this.seen.refused += 1
    else {
      this.seen.answered += 1
      if (exit.value !== number || begun !== 1) this.broken.push(`${number} is answered wrongly`)
    }
  }

  #checkStream(parts: readonly PeerPart[], reading: Begun<void, IntelGraphError>): void {
    this.seen.parts += parts.length
    if (reading.exit() === undefined) this.broken.push("a stream has no end")
    if (reading.exit()?._tag === "Success") this.seen.streams += 1
    const last = parts.at(-1)
    const chunks = last?.kind === "last" ? parts.slice(0, -1) : parts
    if (chunks.some(({ kind, value }, at) => kind !== "chunk" || value !== at)) {
      this.broken.push("a stream has a gap")
    }
    if (last?.kind === "last" && chunks.length !== 41) this.broken.push("a stream ends early")
  }

  #any<A>(of: readonly A[]): A {
    const one = of[Math.floor(this.#world.host.random() * of.length)]
    if (one === undefined) throw new Error("there is none to choose")
    return one
  }
}

const idle: Begun<unknown, IntelGraphError> = { exit: () => undefined, interrupt: () => undefined }
