/**
 * How incarnations begin and end: start, crash, restart, quarantine, escalation, ordered stop.
 *
 * An ending takes its time: the children end first, last spawned first, and open turns may finish,
 * for at most `shutdownMillisMax`; then they are interrupted and their messages are dead letters.
 * Until a restart has come about, messages are admitted and wait. What was not handled, the stash
 * first, is there for the next incarnation; only a stop for good makes dead letters of it.
 */
import { checkToken } from "../../protocols/address.ts"
import { Invalid, invariant } from "../../protocols/errors.ts"
import { shutdownMillisMax } from "../../protocols/limits.ts"
import type { StopReason } from "./actor.ts"
import { Cell } from "./cell.ts"
import type { Goal } from "./extra.ts"
import { runningBit, stopBit } from "./flags.ts"
import { type AnyType, type Core, Kin } from "./kin.ts"
import { textOf } from "./turns.ts"

/** Makes a child; its `start` runs when the dispatcher comes to it. */
export function spawnUnder(
  parent: Cell,
  type: AnyType,
  tenant: string,
  key: string,
  argument: unknown,
): Cell {
  invariant(
    parent.state === "running" || parent.state === "starting",
    `${parent.label()} is ending and spawns nobody any more.`,
  )
  const kin = kinOf(parent.core, type, tenant)
  if (kin.cells.has(key)) {
    throw new Invalid({
      what: "address",
      message: `There is an actor at ${tenant}/${type.kind}/${key} already.`,
    })
  }
  const cell = new Cell(kin, key)
  const extra = cell.need()
  extra.parent = parent
  extra.argument = argument
  kin.cells.set(key, cell)
  parent.need().children.add(cell)
  cell.schedule()
  return cell
}

function kinOf(core: Core, type: AnyType, tenant: string): Kin {
  let ofType = core.kins.get(type)
  if (ofType === undefined) {
    ofType = new Map()
    core.kins.set(type, ofType)
  }
  let kin = ofType.get(tenant)
  if (kin === undefined) {
    kin = new Kin(core, checkToken("tenant", tenant), type)
    checkToken("kind", type.kind)
    ofType.set(tenant, kin)
  }
  return kin
}

/** Starts the next incarnation; called by the dispatcher, before the first turn of it. */
export function begin(cell: Cell): void {
  const { type, passive, argument } = cell.home
  cell.flags |= runningBit
  try {
    const snapshot = passive?.read(cell.home, cell.key)
    const own = passive === undefined ? cell.extra?.argument : argument
    cell.behavior = type.start(cell, own, snapshot)
    if (snapshot !== undefined) passive?.forget(cell.home, cell.key)
    cell.state = "running"
    cell.flags &= ~runningBit
    if ((cell.flags & stopBit) !== 0) stopSelf(cell)
  } catch (error) {
    cell.flags &= ~runningBit
    crash(cell, error)
  }
}

/** The incarnation failed; the supervisor decides. Called again while it ends, it is only noted. */
export function crash(cell: Cell, error: unknown): void {
  const extra = cell.need()
  extra.lastError = textOf(error)
  cell.core.events({ event: "crashed", address: cell.address, error })
  if (cell.state !== "running" && cell.state !== "starting") return
  extra.reason = "crashed"
  carryOut(cell, "crashed", error)
}

/** The actor has asked to be stopped; `permanent` ones come back. */
export function stopSelf(cell: Cell): void {
  if (cell.state !== "running" && cell.state !== "starting") return
  cell.need().reason = "stopped"
  carryOut(cell, "stopped", undefined)
}

/** Stops an actor for good, and tells when it is done. */
export function stop(cell: Cell, done?: () => void): void {
  end(cell, "stop", done)
}

/** Lets a quarantined actor run again, with all that waits for it; false where it is none. */
export function release(cell: Cell): boolean {
  if (cell.state !== "quarantined") return false
  const extra = cell.need()
  extra.history = []
  extra.reason = "stopped"
  cell.reopen()
  cell.core.events({ event: "released", address: cell.address })
  start(cell)
  return true
}

function carryOut(cell: Cell, ended: "crashed" | "stopped", error: unknown): void {
  const { core } = cell
  const extra = cell.need()
  const { parent } = extra
  const supervision = parent?.home.type.supervision ?? {}
  const grouped = parent !== undefined && (supervision.strategy ?? "one-for-one") !== "one-for-one"
  const family = grouped ? parent.need() : extra
  const verdict = core.supervisor.decide({
    supervision,
    restart: cell.home.type.restart ?? "transient",
    ended,
    history: grouped ? family.groupHistory : extra.history,
    nowMillis: core.host.nowMillis(),
    random: core.host.random(),
  })
  switch (verdict.action) {
    case "restart":
      if (grouped) family.groupHistory = verdict.history
      else extra.history = verdict.history
      restart(membersOf(cell, verdict.scope), verdict.delayMillis)
      return
    case "stop":
      end(cell, "stop")
      return
    case "quarantine":
      end(cell, "quarantine")
      return
    case "escalate":
      escalate(cell, error)
  }
}

/** The failed actor and those that end and start with it, in order of spawning. */
function membersOf(cell: Cell, scope: "child" | "rest" | "all"): readonly Cell[] {
  const parent = cell.extra?.parent
  if (scope === "child" || parent === undefined) return [cell]
  const members = [...parent.need().children].filter((one) => one.state !== "quarantined")
  return scope === "all" ? members : members.slice(members.indexOf(cell))
}

function restart(members: readonly Cell[], delayMillis: number): void {
  const { host, events } = (members[0] as Cell).core
  const startAll = () => {
    for (const cell of members) if (cell.state === "waiting") start(cell)
  }
  for (const cell of members) {
    const extra = cell.need()
    extra.restarts += 1
    const { restarts } = extra
    events({ event: "restarting", address: cell.address, delayMillis, restarts })
  }
  endInOrder([...members].reverse(), "restart", () => {
    if (delayMillis > 0) host.after(delayMillis, startAll)
    else startAll()
  })
}

function start(cell: Cell): void {
  cell.state = "starting"
  cell.schedule()
}

function escalate(cell: Cell, error: unknown): void {
  const parent = cell.extra?.parent
  if (parent === undefined || parent.extra?.parent === undefined) {
    end(cell, "quarantine")
    return
  }
  cell.core.events({ event: "escalated", address: cell.address })
  // It waits, with its messages, for what becomes of its parent.
  end(cell, "restart")
  crash(parent, error ?? `${cell.label()} stopped itself too often`)
}

const strength: { readonly [goal in Goal]: number } = { restart: 0, quarantine: 1, stop: 2 }

/** Begins the end of an incarnation; where one is under way, the stronger goal wins. */
function end(cell: Cell, goal: Goal, done?: () => void): void {
  if (cell.state === "gone") {
    done?.()
    return
  }
  const extra = cell.need()
  if (done !== undefined) extra.onEnded.push(done)
  const under = cell.state === "ending"
  if (!under || strength[goal] > strength[extra.goal]) extra.goal = goal
  if (goal !== "restart") cell.close()
  if (under) return
  cell.state = "ending"
  if (cell.isBusy()) {
    extra.cancelCutOff = cell.host.after(shutdownMillisMax, () => cutOff(cell))
  }
  endInOrder([...extra.children].reverse(), "stop", () => finishEnd(cell))
}

/** One after the other, each to its end before the next is asked. */
function endInOrder(cells: readonly Cell[], goal: Goal, done: () => void, from = 0): void {
  for (let i = from; i < cells.length; i++) {
    const cell = cells[i] as Cell
    end(cell, goal)
    if (cell.state === "ending") {
      cell.need().onEnded.push(() => endInOrder(cells, goal, done, i + 1))
      return
    }
  }
  done()
}

/** Completes the end where nothing of the incarnation is left running. */
export function finishEnd(cell: Cell): void {
  const extra = cell.need()
  if (cell.state !== "ending" || cell.isBusy() || extra.children.size > 0) return
  extra.cancelCutOff?.()
  extra.cancelCutOff = undefined
  try {
    cell.behavior?.stopped?.()
  } catch (error) {
    cell.core.events({ event: "misbehaved", address: cell.address, error })
  }
  cell.behavior = undefined
  cell.flags &= ~stopBit
  letGo(cell)
  cell.unstashAll()
  if (extra.goal === "restart") cell.state = "waiting"
  else if (extra.goal === "quarantine") quarantine(cell)
  else remove(cell)
  for (const done of extra.onEnded.splice(0)) done()
}

/** Takes back what the incarnation had begun: timers, piped effects, replies, requests, watches. */
function letGo(cell: Cell): void {
  const extra = cell.need()
  for (const cancel of extra.timers.values()) cancel()
  extra.timers.clear()
  const pipes = [...extra.pipes]
  extra.pipes.clear()
  for (const fiber of pipes) fiber.interruptUnsafe()
  const replies = [...extra.openReplies]
  extra.openReplies.clear()
  for (const ask of replies) cell.core.asks.fail(ask, cell.lost("its incarnation ended"))
  for (const ask of extra.requests) cell.core.asks.cancel(ask)
  extra.requests.clear()
  for (const watched of extra.watching) watched.extra?.watchers.delete(cell)
  extra.watching.clear()
}

function quarantine(cell: Cell): void {
  cell.state = "quarantined"
  cell.need().reason = "quarantined"
  cell.core.events({ event: "quarantined", address: cell.address })
  cell.refuseWaiters()
  tellWatchers(cell, "quarantined")
}

function remove(cell: Cell): void {
  const extra = cell.need()
  const { cells } = cell.home
  cell.state = "gone"
  cell.drain((message, ask) => cell.bury(message, ask, "stopped", undefined))
  cell.refuseWaiters()
  cell.home.passive?.forget(cell.home, cell.key)
  if (cells.get(cell.key) === cell) cells.delete(cell.key)
  cell.home.retire(cell)
  extra.parent?.extra?.children.delete(cell)
  tellWatchers(cell, extra.reason)
}

function tellWatchers(cell: Cell, reason: StopReason): void {
  const extra = cell.need()
  const watchers = [...extra.watchers]
  extra.watchers.clear()
  for (const [watcher, message] of watchers) {
    watcher.extra?.watching.delete(cell)
    try {
      watcher.force(message(reason))
    } catch (error) {
      crash(watcher, error)
    }
  }
}

/** Turns that do not end are interrupted; what they had taken is dead letters. */
function cutOff(cell: Cell): void {
  const extra = cell.need()
  const turns = [...extra.turns]
  for (const turn of turns) cell.closeOpen(turn)
  cell.core.events({ event: "cut-off", address: cell.address, turns: turns.length })
  for (const turn of turns) {
    turn.fiber?.interruptUnsafe()
    if (turn.left === 0) continue
    for (const message of turn.batch ?? [turn.message]) {
      cell.countDead()
      cell.bury(message, turn.ask, "cut off", undefined)
    }
    turn.left = 0
  }
  finishEnd(cell)
}
