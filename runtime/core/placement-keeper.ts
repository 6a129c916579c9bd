/**
 * Which shards one node takes, keeps and gives, as a state machine without time or I/O: it is told
 * what happened and when, and says what is to be done.
 *
 * Promises: a shard is opened only under a lease that was stored for this node, and closed before
 * the lease is given back or sought again; a lease that another has, or that was not confirmed for
 * `leaseGraceMillis` longer than it lasts, closes its shard; free shards are taken at once by the
 * node whose share they are, and after `takePatienceMillis` for each that was to come before by the
 * next; a node that was not known to be here itself leaves whoever had them as much time to come
 * back, unless it has only just come, found the register steady, and sees one vanish while nobody
 * counts; a node gives what is another's share `shardsGivenAtOnceMax` at a time and waits for the
 * new owner to work; it opens `shardsOpenedAtOnceMax` at a time, those that somebody waits for are
 * taken and opened before others. A drain ends, also where nobody is there to take over.
 *
 * What may fail beneath: requests of unknown outcome, a watch that is behind, a takeover that fails
 * or hangs, time that jumps because the process was paused. Does not promise that no other node
 * works on a shard at the same time: the fence of the epochs does.
 */
import {
  forgottenMillisMax,
  handOverAllMillisMax,
  handOverMillisMax,
  leaseMillis,
  openMillisMax,
  openRetryMillis,
  openTriesMax,
  registerRetryMillis,
  rivalMillisMax,
  shardCount,
  shardsGivenAtOnceMax,
  shardsOpenedAtOnceMax,
  takePatienceMillis,
  troubleMillisMax,
  troubleMillisMin,
} from "../../protocols/limits.ts"
import { Claim, type ClaimAnswer } from "./placement-claim.ts"
import {
  type LeaseEntry,
  type News,
  type NodeEntry,
  nodePlace,
  type Standing,
  shardPlace,
  type Who,
} from "./placement-register.ts"
import { Sight } from "./placement-sight.ts"
import type { KeeperCommand, KeeperInput, KeeperView, Order, Phase } from "./placement-talk.ts"

interface Holding {
  readonly shard: number
  readonly claim: Claim
  phase: Phase
  /** What comes after `closing`. */
  afterwards: "release" | "retake" | "forget" | "break"
  /** It is handed over to another: one of `shardsGivenAtOnceMax`. */
  isGiven: boolean
  epoch: number
  /** What ended this epoch's work before the takeover was told to have ended. */
  ended: { readonly epoch: number; readonly afterwards: "retake" | "break" } | undefined
  /** It was found damaged once before. */
  isDamaged: boolean
  /** When it may be opened, or has taken too long to. */
  untilMillis: number
  /** The lease must have been confirmed after this to be opened under. */
  provenSinceMillis: number
  tries: number
}

export interface KeeperOptions {
  /** Such a shard is opened before others. */
  readonly isNeeded?: ((shard: number) => boolean) | undefined
  /** As `Register.isSteady` says before the first request. */
  readonly isSteady?: boolean | undefined
}

export class ShardKeeper {
  readonly #who: Who
  readonly #weight: number
  readonly #isNeeded: (shard: number) => boolean
  readonly #sight = new Sight()
  readonly #presence: Claim
  readonly #holdings = new Map<number, Holding>()
  /** Given shards that no new owner is seen to work on, and until when that is waited for. */
  readonly #handedOver = new Map<number, number>()
  /** Shards that were tried in vain, and when they may be tried again. */
  readonly #shunned = new Map<number, number>()
  #commands: KeeperCommand[] = []
  #requests = 0
  #nowMillis = Number.NEGATIVE_INFINITY
  #order: Order = "serve"
  /** When it goes, whoever takes over. */
  #goesAtMillis = Number.POSITIVE_INFINITY
  /** From when on it takes what is free. */
  #takesFromMillis = Number.POSITIVE_INFINITY
  /** When it was known to be here; infinity where it was away since, or the register before. */
  #cameAtMillis = Number.POSITIVE_INFINITY
  /** It was not away when it was opened, and has answered for this node's own entry. */
  #isRegisterSteady: boolean
  #standing: Standing = "serves"
  #troubledUntilMillis = Number.NEGATIVE_INFINITY
  #troubleMillis = troubleMillisMin
  #rivalSinceMillis: number | undefined
  #hasLeft = false

  constructor(who: Who, weight: number, { isNeeded, isSteady = true }: KeeperOptions = {}) {
    this.#who = who
    this.#weight = weight
    this.#isNeeded = isNeeded ?? (() => false)
    this.#isRegisterSteady = isSteady
    this.#presence = new Claim(nodePlace(who.node), who)
  }

  /** What happened, and when; what is to be done now, in this order. Time never goes back. */
  on(input: KeeperInput, nowMillis: number): readonly KeeperCommand[] {
    if (this.#hasLeft) return []
    this.#commands = []
    this.#nowMillis = nowMillis
    this.#expire(nowMillis)
    this.#take(input, nowMillis)
    this.#sight.members.settle(nowMillis)
    this.#stand(nowMillis)
    this.#takeFree(nowMillis)
    this.#give(nowMillis)
    this.#openNext(nowMillis)
    this.#ask(nowMillis)
    return this.#commands
  }

  /** When it wants to be told that time passed, where nothing else happens before. */
  get wakeAtMillis(): number {
    if (this.#hasLeft) return Number.POSITIVE_INFINITY
    const waits = [this.#sight.members.settlesAtMillis, this.#presence.wakeAtMillis]
    if (this.#standing === "troubled") waits.push(this.#troubledUntilMillis)
    waits.push(...this.#handedOver.values())
    if (this.#goesAtMillis > this.#nowMillis) waits.push(this.#goesAtMillis)
    const hasRoom = this.#count("opening") < shardsOpenedAtOnceMax
    for (const holding of this.#holdings.values()) {
      waits.push(holding.claim.wakeAtMillis)
      const opens = hasRoom && this.#mayOpen(holding)
      if (opens || holding.phase === "opening") waits.push(holding.untilMillis)
    }
    if (this.#mayTake) for (const shard of shards) waits.push(this.#takesAtMillis(shard))
    return Math.min(...waits)
  }

  /** What an operator is shown. */
  view(): KeeperView {
    const { members } = this.#sight
    return {
      standing: this.#standing,
      nodes: members.all(),
      shards: shards.map((shard) => ({
        shard,
        holder: this.#sight.holderOf(shard),
        share: members.ownerOf(shard),
        phase: this.#holdings.get(shard)?.phase,
      })),
    }
  }

  #expire(nowMillis: number): void {
    if (this.#presence.expire(nowMillis) === "lost") this.#presence.prove(nowMillis)
    for (const holding of this.#holdings.values()) {
      if (holding.claim.expire(nowMillis) === "lost") this.#lose(holding, nowMillis)
      const hangs = holding.phase === "opening" && nowMillis >= holding.untilMillis
      if (!hangs) continue
      this.#close(holding, "lost", "release")
      this.#trouble(holding.shard, nowMillis)
    }
    prune(this.#handedOver, nowMillis)
    prune(this.#shunned, nowMillis)
  }

  #take(input: KeeperInput, nowMillis: number): void {
    switch (input.kind) {
      case "time":
        return
      case "news":
        return this.#news(input.news, nowMillis)
      case "answer":
        return this.#answer(input.request, input.answer, nowMillis)
      case "order":
        this.#order = input.order
        this.#goesAtMillis = goesAt(input.order, nowMillis)
        // Whoever says so may have mended what kept a shard from being opened.
        for (const one of this.#holdings.values()) {
          if (one.phase === "broken") this.#retry(one, nowMillis)
        }
        return
      default: {
        const holding = this.#holdings.get(input.shard)
        if (holding !== undefined) this.#worked(holding, input, nowMillis)
      }
    }
  }

  #news(news: News, nowMillis: number): void {
    this.#sight.news(news, nowMillis)
    if (this.#sight.members.leftAtMillis > this.#cameAtMillis + forgottenMillisMax) {
      this.#takesFromMillis = Math.min(this.#takesFromMillis, nowMillis)
    }
    if (news.kind !== "found") return
    const { place, entry } = news
    if (place === this.#presence.place) {
      if (this.#presence.seen(news, nowMillis) === "lost") this.#presence.prove(nowMillis)
    }
    for (const holding of this.#holdings.values()) {
      if (holding.claim.place !== place) continue
      if (holding.claim.seen(news, nowMillis) === "lost") this.#lose(holding, nowMillis)
    }
    if (entry?.kind !== "lease" || entry.epoch === 0 || this.#isMine(entry)) return
    this.#handedOver.delete(entry.shard)
  }

  #answer(request: number, answer: ClaimAnswer, nowMillis: number): void {
    if (this.#presence.asked === request) {
      const { confirmedMillis } = this.#presence
      const outcome = this.#presence.answer(answer, nowMillis)
      if (answer.kind === "unknown") this.#isRegisterSteady = false
      const wasAway = this.#presence.confirmedMillis - confirmedMillis > leaseMillis
      if (outcome === "held") this.#rivalSinceMillis = undefined
      if (outcome === "held" && wasAway) this.#came(nowMillis)
      if (outcome === "lost") this.#meetRival(answer, nowMillis)
      return
    }
    for (const holding of this.#holdings.values()) {
      if (holding.claim.asked !== request) continue
      const outcome = holding.claim.answer(answer, nowMillis)
      if (outcome === "lost") this.#lose(holding, nowMillis)
      if (outcome === "held" && holding.phase === "leasing") holding.phase = "waiting"
      if (outcome === "gone") this.#released(holding, nowMillis)
      return
    }
  }

  #came(nowMillis: number): void {
    const isNew = this.#takesFromMillis === Number.POSITIVE_INFINITY && this.#isRegisterSteady
    this.#cameAtMillis = isNew ? nowMillis : Number.POSITIVE_INFINITY
    this.#takesFromMillis = nowMillis + takePatienceMillis
  }

  /** Another process of this name is here. One that was before this one vanishes by itself. */
  #meetRival(answer: ClaimAnswer, nowMillis: number): void {
    if (answer.kind !== "refused" || answer.found.entry === undefined) return
    this.#rivalSinceMillis ??= nowMillis
    if (nowMillis < this.#rivalSinceMillis + rivalMillisMax) return
    this.#commands.push({ kind: "name-taken" })
  }

  #worked(
    holding: Holding,
    input: Extract<KeeperInput, { readonly shard: number }>,
    nowMillis: number,
  ): void {
    if (input.kind === "opened" && holding.phase === "opening") {
      holding.phase = "open"
      holding.epoch = input.epoch
      holding.tries = 0
      this.#troubleMillis = troubleMillisMin
      this.#troubledUntilMillis = Number.NEGATIVE_INFINITY
      holding.claim.want(this.#leaseOf(holding.shard, input.epoch), nowMillis)
      if (holding.ended?.epoch === input.epoch) {
        this.#close(holding, "lost", holding.ended.afterwards)
      }
    } else if (input.kind === "not-opened" && holding.phase === "opening") {
      this.#notOpened(holding, input.lasting, nowMillis)
    } else if (input.kind === "fenced" || input.kind === "damaged") {
      // A former owner that does not know it yet may take what is handled for what is lost.
      const isProven = input.kind === "damaged" && holding.isDamaged
      holding.isDamaged ||= input.kind === "damaged"
      this.#ended(holding, input.epoch, isProven ? "break" : "retake")
    } else if (input.kind === "closed" && holding.phase === "closing") {
      this.#closed(holding, nowMillis)
    }
  }

  #ended(holding: Holding, epoch: number, afterwards: "retake" | "break"): void {
    if (holding.phase === "open" && epoch === holding.epoch) {
      this.#close(holding, "lost", afterwards)
    } else if (holding.phase === "opening" && epoch > (holding.ended?.epoch ?? 0)) {
      holding.ended = { epoch, afterwards }
    }
  }

  #notOpened(holding: Holding, lasting: boolean, nowMillis: number): void {
    holding.tries += 1
    if (lasting) {
      holding.phase = "broken"
    } else if (holding.tries < openTriesMax) {
      this.#retry(holding, nowMillis + openRetryMillis * 2 ** (holding.tries - 1))
    } else {
      this.#release(holding, nowMillis)
      this.#trouble(holding.shard, nowMillis)
    }
  }

  #closed(holding: Holding, nowMillis: number): void {
    if (holding.afterwards === "forget") {
      this.#holdings.delete(holding.shard)
    } else if (holding.afterwards === "release") {
      this.#release(holding, nowMillis)
    } else if (holding.afterwards === "break") {
      holding.phase = "broken"
    } else {
      // A higher epoch was claimed, or what is there looks damaged to one who may be a former
      // owner. Whoever did it may have had the lease before this node, and be late, or has it now:
      // the register says.
      holding.epoch = 0
      holding.provenSinceMillis = nowMillis
      holding.claim.want(this.#leaseOf(holding.shard, 0), nowMillis)
      holding.claim.prove(nowMillis)
      this.#retry(holding, nowMillis + openRetryMillis)
    }
  }

  #retry(holding: Holding, atMillis: number): void {
    holding.phase = "waiting"
    holding.untilMillis = atMillis
  }

  /** The lease is not ours any more. */
  #lose(holding: Holding, nowMillis: number): void {
    const { phase, shard } = holding
    if (phase === "opening" || phase === "open") this.#close(holding, "lost", "forget")
    else if (phase === "closing") holding.afterwards = "forget"
    else this.#holdings.delete(shard)
    this.#shunned.set(shard, nowMillis + registerRetryMillis)
  }

  #close(holding: Holding, why: "given" | "lost", afterwards: Holding["afterwards"]): void {
    holding.phase = "closing"
    holding.afterwards = afterwards
    this.#commands.push({ kind: "close", shard: holding.shard, why })
  }

  #release(holding: Holding, nowMillis: number): void {
    const { claim, shard } = holding
    holding.phase = "releasing"
    claim.want(undefined, nowMillis)
    if (claim.stored === undefined && claim.asked === undefined) this.#holdings.delete(shard)
  }

  #released({ shard, isGiven }: Holding, nowMillis: number): void {
    this.#holdings.delete(shard)
    if (isGiven) this.#handedOver.set(shard, nowMillis + handOverMillisMax)
  }

  /** This node cannot take over what it should: others are asked before it for a while. */
  #trouble(shard: number, nowMillis: number): void {
    this.#shunned.set(shard, nowMillis + takePatienceMillis)
    this.#troubledUntilMillis = nowMillis + this.#troubleMillis
    this.#troubleMillis = Math.min(2 * this.#troubleMillis, troubleMillisMax)
  }

  #stand(nowMillis: number): void {
    const isTroubled = nowMillis < this.#troubledUntilMillis
    this.#standing = standingOf[this.#order] ?? (isTroubled ? "troubled" : "serves")
    const { node, incarnation } = this.#who
    const isDone =
      this.#standing === "drains" && this.#holdings.size === 0 && this.#handedOver.size === 0
    const entry: NodeEntry | undefined = isDone
      ? undefined
      : { kind: "node", node, incarnation, weight: this.#weight, standing: this.#standing }
    this.#presence.want(entry, nowMillis)
    const isGone = this.#presence.stored === undefined && this.#presence.asked === undefined
    if (!isDone || !isGone) return
    this.#hasLeft = true
    this.#commands.push({ kind: "left" })
  }

  #takeFree(nowMillis: number): void {
    if (!this.#mayTake) return
    const free = shards.filter((shard) => nowMillis >= this.#takesAtMillis(shard))
    for (const shard of free.sort(this.#byNeed)) {
      const claim = new Claim(shardPlace(shard), this.#who)
      claim.want(this.#leaseOf(shard, 0), nowMillis)
      this.#holdings.set(shard, {
        shard,
        claim,
        phase: "leasing",
        afterwards: "forget",
        isGiven: false,
        epoch: 0,
        ended: undefined,
        isDamaged: false,
        untilMillis: nowMillis,
        provenSinceMillis: nowMillis,
        tries: 0,
      })
    }
  }

  get #mayTake(): boolean {
    const takes = this.#standing === "serves" || this.#standing === "troubled"
    const isHere = this.#nowMillis - this.#presence.confirmedMillis <= leaseMillis
    return takes && isHere && this.#sight.isComplete && this.#presence.stored !== undefined
  }

  /** When a free shard is this node's to take; infinity where it is not, or not free. */
  #takesAtMillis(shard: number): number {
    const freeSinceMillis = this.#sight.freeSinceMillis(shard)
    if (freeSinceMillis === Number.POSITIVE_INFINITY || this.#holdings.has(shard)) {
      return Number.POSITIVE_INFINITY
    }
    const { members } = this.#sight
    const rank = members.rankOf(this.#who.node, shard)
    if (rank === undefined) return Number.POSITIVE_INFINITY
    // Those that come before it have known as long that they do.
    const since = rank === 0 ? freeSinceMillis : Math.max(freeSinceMillis, members.sharedAtMillis)
    const fromMillis = Math.max(this.#shunned.get(shard) ?? 0, this.#takesFromMillis)
    return Math.max(since + rank * takePatienceMillis, fromMillis)
  }

  #give(nowMillis: number): void {
    const { members } = this.#sight
    const { stored } = this.#presence
    // Others must know first that they are to take.
    if (stored?.kind !== "node" || stored.standing !== this.#standing) return
    const hasHeirs = nowMillis < this.#goesAtMillis && members.othersTake(this.#who.node)
    const isAlone = this.#standing === "drains" && !hasHeirs
    let giving = this.#handedOver.size
    for (const { isGiven } of this.#holdings.values()) if (isGiven) giving++
    for (const holding of this.#holdings.values()) {
      if (giving >= shardsGivenAtOnceMax && !isAlone) return
      if (!this.#isToGive(holding, isAlone)) continue
      giving++
      holding.isGiven = !isAlone
      if (holding.phase === "open") this.#close(holding, "given", "release")
      else if (holding.phase === "opening") this.#close(holding, "lost", "release")
      else this.#release(holding, nowMillis)
    }
  }

  #isToGive({ shard, phase, isGiven }: Holding, isAlone: boolean): boolean {
    if (isGiven || phase === "closing" || phase === "releasing") return false
    if (this.#standing === "drains") return isAlone || phase !== "opening"
    const { members } = this.#sight
    const { node } = this.#who
    const isMine = members.ownerOf(shard) === node || !members.counts(node)
    return this.#standing === "serves" && phase === "open" && !isMine
  }

  #openNext(nowMillis: number): void {
    const room = shardsOpenedAtOnceMax - this.#count("opening")
    if (room <= 0) return
    const ready = [...this.#holdings.values()].filter(
      (one) => this.#mayOpen(one) && nowMillis >= one.untilMillis,
    )
    const first = ready.sort((a, b) => this.#byNeed(a.shard, b.shard)).slice(0, room)
    for (const holding of first) {
      holding.phase = "opening"
      holding.untilMillis = nowMillis + openMillisMax
      this.#commands.push({ kind: "open", shard: holding.shard })
    }
  }

  /** Whoever was away so long that the lease may have run out asks for it again first. */
  #mayOpen({ phase, claim, provenSinceMillis }: Holding): boolean {
    const { confirmedMillis } = claim
    const stands = this.#nowMillis - confirmedMillis <= leaseMillis
    return phase === "waiting" && stands && confirmedMillis >= provenSinceMillis
  }

  #ask(nowMillis: number): void {
    const claims = [this.#presence]
    for (const { claim } of this.#holdings.values()) claims.push(claim)
    for (const claim of claims) {
      const asked = claim.ask(this.#requests + 1, nowMillis)
      if (asked === undefined) continue
      this.#requests += 1
      this.#commands.push(asked)
    }
  }

  readonly #byNeed = (one: number, other: number): number =>
    Number(this.#isNeeded(other)) - Number(this.#isNeeded(one))

  #count(phase: Phase): number {
    let count = 0
    for (const holding of this.#holdings.values()) if (holding.phase === phase) count++
    return count
  }

  #leaseOf(shard: number, epoch: number): LeaseEntry {
    return { kind: "lease", shard, ...this.#who, epoch }
  }

  #isMine({ node, incarnation }: Who): boolean {
    return node === this.#who.node && incarnation === this.#who.incarnation
  }
}

const shards: readonly number[] = Array.from({ length: shardCount }, (_, shard) => shard)

const standingOf: Readonly<Record<Order, Standing | undefined>> = {
  serve: undefined,
  cordon: "cordoned",
  drain: "drains",
  leave: "drains",
}

/** When a node with this order goes without waiting for others. */
function goesAt(order: Order, nowMillis: number): number {
  if (order === "leave") return nowMillis
  return order === "drain" ? nowMillis + handOverAllMillisMax : Number.POSITIVE_INFINITY
}

function prune(untilMillis: Map<number, number>, nowMillis: number): void {
  for (const [shard, until] of untilMillis) if (nowMillis >= until) untilMillis.delete(shard)
}
