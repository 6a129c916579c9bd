/**
 * One node of the placement model: the real state machine of placement, the real order of a
 * takeover, and an owner that moves blocks from the log to the sinks; over a network that delays
 * and loses, in a process that can be paused and killed. A request under way arrives whatever
 * becomes of the process that made it.
 */
import { leaseMillis, openMillisMax, registerMillisMax } from "../../protocols/limits.ts"
import {
  type KeeperCommand,
  type KeeperInput,
  type News,
  ShardKeeper,
  Takeover,
  type TakeoverAnswer,
  type Who,
} from "../../runtime/index.ts"
import type { ModelClock } from "./placement-clock.ts"
import { type ModelServers, sinkCount } from "./placement-servers.ts"

const idleMillis = 500
const retryMillis = 250
/** A close that lets work finish waits for it this long. */
const closeMillisMax = 5_000

/** How a node and the servers hear each other. */
export interface Line {
  requestsArrive: boolean
  answersArrive: boolean
  delayMillisMax: number
}

/** What runs for one shard, until it is closed. */
interface Running {
  readonly shard: number
  /** 0 while it is taken over. */
  epoch: number
  isClosing: boolean
  isEnded: boolean
}

export class ModelNode {
  readonly name: string
  readonly keeper: ShardKeeper
  readonly line: Line = { requestsArrive: true, answersArrive: true, delayMillisMax: 20 }
  isAlive = true
  hasLeft = false
  isRefusedItsName = false
  opens = 0
  /** Takeovers fail here, as when this node cannot reach a store. */
  cannotOpen = false
  readonly #clock: ModelClock
  readonly #servers: ModelServers
  readonly #running = new Map<number, Running>()
  readonly #whilePaused: (() => void)[] = []
  #isPaused = false
  #unwatch: (() => void) | undefined
  #wakeMillis = Number.POSITIVE_INFINITY

  constructor(
    who: Who & { readonly weight: number },
    parts: {
      readonly clock: ModelClock
      readonly servers: ModelServers
      readonly isNeeded?: (shard: number) => boolean
      readonly isSteady?: boolean
    },
  ) {
    this.name = who.node
    this.#clock = parts.clock
    this.#servers = parts.servers
    this.keeper = new ShardKeeper(who, who.weight, parts)
    this.#watch()
    this.tell({ kind: "time" })
  }

  get isRunning(): boolean {
    return this.isAlive && !this.hasLeft
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Shards whose actors work here. */
  get open(): readonly number[] {
    const open = [...this.#running.values()].filter((one) => one.epoch > 0 && !one.isClosing)
    return open.map(({ shard }) => shard)
  }

  tell(input: KeeperInput): void {
    if (!this.isRunning) return
    for (const command of this.keeper.on(input, this.#clock.nowMillis)) this.#do(command)
    this.#setTimer()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const task of this.#whilePaused.splice(0)) this.#inProcess(task)
  }

  kill(): void {
    this.isAlive = false
    this.#unwatch?.()
  }

  /** The connection broke: a new watch begins once the servers can be reached. */
  rewatch(): void {
    this.#unwatch?.()
    this.#watch()
  }

  #watch(): void {
    // News arrive in their order: each not before the one that was sent before it.
    let arrivesAtMillis = 0
    let isCurrent = true
    const unwatch = this.#servers.watch((news: News) => {
      const { nowMillis } = this.#clock
      arrivesAtMillis = Math.max(arrivesAtMillis, nowMillis + this.#delay())
      this.#clock.after(arrivesAtMillis - nowMillis, () => {
        if (!isCurrent || !this.line.answersArrive) return
        this.#inProcess(() => this.tell({ kind: "news", news }))
      })
    })
    this.#unwatch = () => {
      isCurrent = false
      unwatch()
    }
  }

  #do(command: KeeperCommand): void {
    switch (command.kind) {
      case "put":
      case "remove":
        return this.#ask(command)
      case "open":
        return this.#open(command.shard)
      case "close":
        return this.#close(command.shard, command.why)
      case "name-taken":
        this.isRefusedItsName = true
        return this.kill()
      case "left":
        this.hasLeft = true
        this.#unwatch?.()
        return
    }
  }

  #ask(command: Extract<KeeperCommand, { readonly request: number }>): void {
    const { request } = command
    let isAnswered = false
    type Answered = Extract<KeeperInput, { readonly kind: "answer" }>["answer"]
    const answer = (input: Answered | undefined) => {
      if (isAnswered || input === undefined) return
      isAnswered = true
      this.tell({ kind: "answer", request, answer: input })
    }
    this.#call(
      () =>
        command.kind === "put"
          ? this.#servers.put(command.entry, command.expected, leaseMillis)
          : this.#servers.remove(command.place, command.expected),
      answer,
    )
    this.#clock.after(registerMillisMax, () => this.#inProcess(() => answer({ kind: "unknown" })))
  }

  #open(shard: number): void {
    this.opens += 1
    if (this.#running.has(shard)) throw new Error(`Shard ${shard} is opened and was not closed.`)
    const running: Running = { shard, epoch: 0, isClosing: false, isEnded: false }
    this.#running.set(shard, running)
    const takeover = new Takeover([shard], sinkCount)
    const fail = () => {
      if (running.isEnded) return
      this.#end(running)
      this.tell({ kind: "not-opened", shard, lasting: this.#servers.damaged.has(shard) })
    }
    const next = () => {
      const { step } = takeover
      if (running.isEnded) return
      const isDamaged = this.#servers.damaged.has(shard)
      if (step.kind === "refused" || isDamaged || this.cannotOpen) return fail()
      if (step.kind === "owned") {
        running.epoch = step.taken.owners[0]?.epoch ?? 0
        this.tell({ kind: "opened", shard, epoch: running.epoch })
        return this.#work(running)
      }
      this.#call(
        () => this.#step(shard, takeover),
        (answer) => {
          if (running.isEnded) return
          if (answer === "failed") return fail()
          takeover.answer(answer)
          next()
        },
      )
    }
    // A step whose answer is lost is not asked for again: the whole takeover is.
    this.#clock.after(openMillisMax / 2, () => {
      this.#inProcess(() => {
        if (running.epoch === 0) fail()
      })
    })
    next()
  }

  #step(shard: number, { step }: Takeover): TakeoverAnswer | "failed" {
    const servers = this.#servers
    const at = { tenant: "demo", partition: shard }
    switch (step.kind) {
      case "lease":
        return { kind: "leased", shards: [shard] }
      case "claim":
        return { kind: "claimed", owners: [{ shard, epoch: servers.claim(shard) }] }
      case "guard": {
        if (servers.sinksAreDown) return "failed"
        const epoch = step.owners[0]?.epoch ?? 0
        const guarded = servers.guard(shard, step.sink, epoch)
        return guarded === "guarded" ? { kind: "guarded" } : "failed"
      }
      case "read-cursors": {
        const own = servers.cursors(step.sink).filter((one) => one.shard === shard)
        return { kind: "cursors", cursors: own.map(({ sequence }) => ({ ...at, sequence })) }
      }
      case "read-tails": {
        const own = servers.tails().filter((one) => one.shard === shard)
        const tails = own.map(({ lastSequence }) => ({ ...at, lastSequence, pending: 0 }))
        return { kind: "tails", tails }
      }
      case "open": {
        const epoch = step.owners[0]?.epoch ?? 0
        const opened = servers.open(shard, epoch)
        return opened === "opened" ? { kind: "opened", tails: [] } : "failed"
      }
      default:
        return "failed"
    }
  }

  /** Pulls a block, commits it to every sink, acknowledges it, and so on. */
  #work(running: Running): void {
    const { shard, epoch } = running
    if (running.isClosing) return this.#end(running)
    const pull = () => this.#servers.pull(shard, epoch)
    this.#request(running, pull, (pulled) => {
      if (pulled === "fenced") return this.#fenced(running)
      if (pulled === "none") return this.#later(running, idleMillis, () => this.#work(running))
      this.#commit(running, pulled.sequence, 0)
    })
  }

  #commit(running: Running, sequence: number, sink: number): void {
    const { shard, epoch } = running
    const servers = this.#servers
    if (sink === sinkCount) {
      const acknowledge = () => servers.acknowledge(shard, epoch, sequence)
      return this.#request(running, acknowledge, () => this.#work(running))
    }
    const commit = () =>
      servers.sinksAreDown ? "down" : servers.commit(shard, sink, epoch, sequence)
    this.#request(running, commit, (outcome) => {
      if (outcome === "fenced") return this.#fenced(running)
      if (outcome === "done") return this.#commit(running, sequence, sink + 1)
      if (running.isClosing) return this.#end(running)
      this.#later(running, retryMillis, () => this.#commit(running, sequence, sink))
    })
  }

  #fenced(running: Running): void {
    if (running.isClosing) this.#end(running)
    else this.tell({ kind: "fenced", shard: running.shard, epoch: running.epoch })
  }

  #close(shard: number, why: "given" | "lost"): void {
    const running = this.#running.get(shard)
    // The takeover failed while the keeper gave it up.
    const closed = () => this.#inProcess(() => this.tell({ kind: "closed", shard }))
    if (running === undefined) return this.#clock.after(0, closed)
    running.isClosing = true
    if (why === "lost" || running.epoch === 0) return this.#clock.after(0, () => this.#end(running))
    // What is under way may finish, and is cut off after a while.
    this.#later(running, closeMillisMax, () => this.#end(running))
  }

  #end(running: Running): void {
    if (running.isEnded) return
    running.isEnded = true
    this.#running.delete(running.shard)
    if (running.isClosing) this.tell({ kind: "closed", shard: running.shard })
  }

  /** Asks until there is an answer; for nobody once the shard is closed. */
  #request<A>(running: Running, ask: () => A, on: (answer: A) => void): void {
    let isAnswered = false
    this.#call(ask, (answer) => {
      if (isAnswered || running.isEnded) return
      isAnswered = true
      on(answer)
    })
    this.#later(running, registerMillisMax, () => {
      if (!isAnswered) this.#request(running, ask, on)
      isAnswered = true
    })
  }

  #later(running: Running, millis: number, task: () => void): void {
    this.#clock.after(millis, () => {
      this.#inProcess(() => {
        if (!running.isEnded) task()
      })
    })
  }

  /** Over the network and back, where it lets through. */
  #call<A>(ask: () => A, on: (answer: A) => void): void {
    if (!this.line.requestsArrive) return
    this.#clock.after(this.#delay(), () => {
      const answer = ask()
      if (!this.line.answersArrive) return
      this.#clock.after(this.#delay(), () => this.#inProcess(() => on(answer)))
    })
  }

  /** In this process: when it runs, and if it still does. */
  #inProcess(task: () => void): void {
    if (!this.isRunning) return
    if (this.#isPaused) this.#whilePaused.push(task)
    else task()
  }

  #setTimer(): void {
    const { wakeAtMillis } = this.keeper
    if (wakeAtMillis === Number.POSITIVE_INFINITY || wakeAtMillis === this.#wakeMillis) return
    if (wakeAtMillis <= this.#clock.nowMillis) {
      throw new Error(`${this.name} wants to be woken at ${wakeAtMillis}, which is past.`)
    }
    this.#wakeMillis = wakeAtMillis
    this.#clock.after(wakeAtMillis - this.#clock.nowMillis, () => {
      if (this.#wakeMillis !== wakeAtMillis) return
      this.#inProcess(() => {
        if (this.#wakeMillis !== wakeAtMillis) return
        this.#wakeMillis = Number.POSITIVE_INFINITY
        this.tell({ kind: "time" })
      })
    })
  }

  #delay(): number {
    return this.#clock.between(0.5, this.line.delayMillisMax)
  }
}
