/** The node: its actors with their mailboxes, and its sources. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Actor, ActorState } from "../answers.ts"
import { count, counted, perSecond } from "../format.ts"
import { Copy, Panel, Trouble, Waiting } from "../parts/parts.tsx"
import { useActors, useProgress, useStats } from "../pulse.ts"
import { useTitle } from "../use.ts"
import type { Look } from "./actor-rows.ts"
import { allActors, lookAt, needsCare, ratesBetween } from "./actor-rows.ts"
import { ActorTree } from "./actor-tree.tsx"
import { SourceList } from "./sources.tsx"
import { TroubleStrip } from "./trouble-strip.tsx"

export function NodeView() {
  useTitle("Node")
  const actors = useActors()
  const stats = useStats()
  const { sources } = useProgress()
  const root = actors.data?.actors ?? undefined
  const rates = useRates(root)
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const shown =
    root === undefined ? undefined : allActors(root).find((one) => one.address === chosen)
  return (
    <div class="node-view">
      <h1 class="unseen">Node</h1>
      <TroubleStrip stats={stats.data?.stats} root={root} sources={sources} />
      <NodeTiles root={root} rates={rates} />
      <div class="columns wide-left">
        <Panel
          title="Actors"
          aside={root === undefined ? null : <span class="quiet-text">{countOf(root)}</span>}
        >
          {actors.problem === undefined ? null : (
            <Trouble problem={actors.problem} retry={actors.reload} />
          )}
          {root === undefined ? (
            <NoActors
              isAnswered={actors.data !== undefined}
              hasProblem={actors.problem !== undefined}
            />
          ) : (
            <ActorTree root={root} rates={rates} chosen={chosen} onChoose={setChosen} />
          )}
        </Panel>
        <div class="column">
          {shown === undefined ? null : <ActorDetails actor={shown} />}
          <Panel title="Sources">
            {stats.problem === undefined ? null : (
              <Trouble problem={stats.problem} retry={stats.reload} />
            )}
            <SourceList stats={stats.data?.stats.sources ?? []} progress={sources} />
          </Panel>
        </div>
      </div>
    </div>
  )
}

const countOf = (root: Actor): string => counted(allActors(root).length, "actor")

const NoActors = ({ isAnswered, hasProblem }: { isAnswered: boolean; hasProblem: boolean }) => {
  if (hasProblem) return null
  return isAnswered ? (
    <p class="none">The data is read without its node: there are no actors to show.</p>
  ) : (
    <Waiting rows={6} />
  )
}

const rateMillis = 1_000

/** Messages a second of each actor, measured between two looks a second apart. */
function useRates(root: Actor | undefined): ReadonlyMap<string, number> {
  const newest = useRef(root)
  newest.current = root
  const [rates, setRates] = useState<ReadonlyMap<string, number>>(new Map())
  useEffect(() => {
    let before: Look | undefined
    const timer = setInterval(() => {
      if (newest.current === undefined) return
      const look = lookAt(newest.current, Date.now())
      if (before !== undefined) setRates(ratesBetween(before, look))
      before = look
    }, rateMillis)
    return () => clearInterval(timer)
  }, [])
  return rates
}

interface TilesProps {
  readonly root: Actor | undefined
  readonly rates: ReadonlyMap<string, number>
}

function NodeTiles({ root, rates }: TilesProps) {
  const actors = root === undefined ? [] : allActors(root)
  const sum = (of: (actor: Actor) => number) =>
    actors.reduce((total, actor) => total + of(actor), 0)
  const down = actors.filter(needsCare).length
  const refused = sum(({ mailbox }) => mailbox.refused)
  const tiles = [
    {
      label: "Actors",
      value: count(actors.length),
      note: down === 0 ? "all doing their work" : `${count(down)} not running`,
      isBad: down > 0,
    },
    {
      label: "Messages",
      value: rates.size === 0 ? "–" : perSecond([...rates.values()].reduce((a, b) => a + b, 0)),
      note: `${count(sum(({ mailbox }) => mailbox.handled))} handled`,
    },
    {
      label: "Waiting",
      value: count(sum(({ mailbox }) => mailbox.pending)),
      note: "in mailboxes and turns",
    },
    {
      label: "Refused",
      value: count(refused),
      note: refused === 0 ? "no mailbox was full" : "tried again by their senders",
    },
    {
      label: "Restarts",
      value: count(sum(({ restarts }) => restarts)),
      note: "by supervisors",
    },
  ]
  return (
    <div class="tiles">
      {tiles.map(({ label, value, note, isBad = false }) => (
        <div key={label} class={isBad ? "tile bad" : "tile"}>
          <div class="tile-label">{label}</div>
          <div class="tile-value">{root === undefined ? "–" : value}</div>
          <div class="tile-note">{root === undefined ? "" : note}</div>
        </div>
      ))}
    </div>
  )
}

const counters = [
  "offered",
  "refused",
  "handled",
  "pending",
  "queued",
  "stashed",
  "parked",
  "inTurn",
  "deadLettered",
  "expired",
  "shed",
] as const

const ActorDetails = ({ actor }: { readonly actor: ActorState }) => (
  <Panel title="Actor" aside={<span class={`state ${toneOf(actor)}`}>{actor.state}</span>}>
    <div class="actor-details">
      <div class="entity-key">
        <code>{actor.address}</code>
        <Copy text={actor.address} what="the address" />
      </div>
      {actor.lastError === null ? null : <p class="source-error">{actor.lastError}</p>}
      <dl class="counts">
        {counters.map((name) => (
          <div key={name} class={actor.mailbox[name] === 0 ? "zero" : ""}>
            <dt>{words[name] ?? name}</dt>
            <dd>{count(actor.mailbox[name])}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet-text">Restarted {counted(actor.restarts, "time")}.</p>
    </div>
  </Panel>
)

const words: { readonly [name: string]: string } = {
  inTurn: "in turn",
  deadLettered: "dead letters",
}

export const toneOf = (actor: ActorState): string =>
  actor.state === "running"
    ? "good"
    : actor.state === "quarantined"
      ? "bad"
      : actor.state === "passive"
        ? ""
        : "warn"
