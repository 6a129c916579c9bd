/** When to ask again for what the subscriptions do not carry, and what is known of the whole. */
import { createContext } from "preact"
import { useContext, useEffect, useState } from "preact/hooks"
import { pagePollMillis } from "../../../protocols/limits.ts"
import type { Actor, ActorState, Progress, Stats } from "./answers.ts"
import { learnTypes } from "./colours.ts"
import { actorsDocument, progressDocument, statsDocument } from "./documents.ts"
import { actorStates, changes, link, progressOf, reports, restarts } from "./live.ts"
import { type Answered, useAnswer, useCell } from "./use.ts"

/** How often to ask, while the node does not tell by itself. */
export const usePollMillis = (): number | undefined =>
  useCell(link) === "live" ? undefined : pagePollMillis

/**
 * Changes, at most every `pagePollMillis`, after entities changed, a connector went on (which
 * brings relationships and dead letters too), or changes may be missing.
 */
export function usePulse(): number {
  const { seen } = useCell(changes)
  const missed = useCell(restarts)
  const now = seen + missed + useCell(reports)
  const [pulse, setPulse] = useState(() => ({ value: now, atMillis: Date.now() }))
  useEffect(() => {
    if (pulse.value === now) return undefined
    const wait = Math.max(0, pulse.atMillis + pagePollMillis - Date.now())
    const timer = setTimeout(() => setPulse({ value: now, atMillis: Date.now() }), wait)
    return () => clearTimeout(timer)
  }, [now, pulse])
  return pulse.value
}

/** Asked for once by the frame, shown in many places. */
export const StatsContext = createContext<Answered<{ stats: Stats }>>({
  data: undefined,
  problem: undefined,
  isLoading: true,
  reload: () => undefined,
})

export const useStats = (): Answered<{ stats: Stats }> => useContext(StatsContext)

export function useAskedStats(): Answered<{ stats: Stats }> {
  const version = usePulse()
  const everyMillis = usePollMillis()
  const answered = useAnswer<{ stats: Stats }>(statsDocument, {}, { version, everyMillis })
  learnTypes(answered.data?.stats.byType.map(({ type }) => type) ?? [])
  return answered
}

export const isRunning = ({ phase }: { readonly phase: string }): boolean =>
  ["waiting", "hashing", "reading", "draining"].includes(phase)

/** Connectors, from the subscription or by asking. */
export function useProgress(): {
  readonly sources: readonly Progress[]
  readonly answered: Answered<{ progress: readonly Progress[] }>
} {
  const told = useCell(progressOf)
  const everyMillis = usePollMillis()
  const answered = useAnswer<{ progress: readonly Progress[] }>(
    progressDocument,
    {},
    { everyMillis },
  )
  const known = new Map((answered.data?.progress ?? []).map((one) => [one.source, one]))
  if (everyMillis === undefined) for (const [source, one] of told) known.set(source, one)
  const sources = [...known.values()].sort((a, b) => (a.source < b.source ? -1 : 1))
  return { sources, answered }
}

/** The tree of actors with what changed since it was asked for. */
export function useActors(): Answered<{ actors: Actor | null }> {
  const told = useCell(actorStates)
  const everyMillis = usePollMillis()
  const [known, setKnown] = useState<ReadonlySet<string>>(new Set())
  const answered = useAnswer<{ actors: Actor | null }>(
    actorsDocument,
    {},
    { everyMillis, version: known },
  )
  const root = answered.data?.actors ?? undefined
  useEffect(() => {
    if (root === undefined) return
    const inTree = new Set(addressesOf(root))
    const strangers = [...told.keys()].filter((one) => !inTree.has(one) && !known.has(one))
    // Asks for the tree once for each actor that it does not have, also where it never has it.
    if (strangers.length > 0) setKnown(new Set([...known, ...strangers]))
  }, [told, root, known])
  if (root === undefined || everyMillis !== undefined) return answered
  return { ...answered, data: { actors: withStates(root, told) } }
}

const addressesOf = (actor: Actor): readonly string[] => [
  actor.address,
  ...(actor.children ?? []).flatMap(addressesOf),
]

export function withStates(actor: Actor, told: ReadonlyMap<string, ActorState | undefined>): Actor {
  const children = (actor.children ?? [])
    .filter(({ address }) => !(told.has(address) && told.get(address) === undefined))
    .map((child) => withStates(child, told))
  return { ...actor, ...told.get(actor.address), children }
}
