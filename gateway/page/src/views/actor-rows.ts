/** The tree of actors as rows, and how fast each one works. */
import type { Actor, ActorState } from "../answers.ts"

export interface ActorRow {
  readonly actor: Actor
  /** From 1. */
  readonly level: number
  readonly parent: string | undefined
  readonly hasChildren: boolean
  readonly isOpen: boolean
  /** Place among the children of its parent, from 1, and how many there are. */
  readonly place: number
  readonly of: number
}

/** Rows of what is open, from the root down. */
export function rowsOf(root: Actor, closed: ReadonlySet<string>): readonly ActorRow[] {
  const rows: ActorRow[] = []
  const visit = (
    actor: Actor,
    level: number,
    parent: string | undefined,
    place: number,
    of: number,
  ) => {
    const children = actor.children ?? []
    const isOpen = children.length > 0 && !closed.has(actor.address)
    rows.push({ actor, level, parent, hasChildren: children.length > 0, isOpen, place, of })
    if (!isOpen) return
    for (const [index, child] of children.entries()) {
      visit(child, level + 1, actor.address, index + 1, children.length)
    }
  }
  visit(root, 1, undefined, 1, 1)
  return rows
}

export function allActors(root: Actor): readonly Actor[] {
  return [root, ...(root.children ?? []).flatMap(allActors)]
}

/** Not doing its work; a passive actor is only asleep. */
export const needsCare = ({ state }: ActorState): boolean =>
  state !== "running" && state !== "passive"

/** One look at the counters of all actors. */
export interface Look {
  readonly atMillis: number
  readonly handled: ReadonlyMap<string, number>
}

export const lookAt = (root: Actor, atMillis: number): Look => ({
  atMillis,
  handled: new Map(allActors(root).map(({ address, mailbox }) => [address, mailbox.handled])),
})

/** Messages a second between two looks; one that was restarted meanwhile begins at 0. */
export function ratesBetween(before: Look, after: Look): ReadonlyMap<string, number> {
  const seconds = (after.atMillis - before.atMillis) / 1000
  const rates = new Map<string, number>()
  if (seconds <= 0) return rates
  for (const [address, handled] of after.handled) {
    const last = before.handled.get(address) ?? 0
    rates.set(address, (handled >= last ? handled - last : handled) / seconds)
  }
  return rates
}
