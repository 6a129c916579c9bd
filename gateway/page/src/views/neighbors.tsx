/** The neighbours of an entity: drawn, and as a list that says the same. */
import { useState } from "preact/hooks"
import { neighborsNodesPerHopMax } from "../../../../protocols/limits.ts"
import type { Entity, Neighborhood } from "../answers.ts"
import { count, counted, plainName } from "../format.ts"
import { countsByType, groupsOf } from "../graph/groups.ts"
import { Notice, Trouble, Waiting } from "../parts/parts.tsx"
import { hashOf } from "../route.ts"
import { type Answered, useMedia } from "../use.ts"
import { GraphPanel } from "./graph-panel.tsx"
import { RelationshipList } from "./relationship-list.tsx"

interface NeighborsProps {
  readonly id: string
  readonly entity: Entity | undefined
  readonly answered: Answered<{ neighbors: Neighborhood | null }>
  readonly relation: string
}

const ways = [
  ["graph", "Graph"],
  ["list", "List"],
] as const

export function Neighbors({ id, entity, answered, relation }: NeighborsProps) {
  const isNarrow = useMedia("(max-width: 960px)")
  const [chosen, setChosen] = useState<"graph" | "list" | undefined>(undefined)
  const way = chosen ?? (isNarrow ? "list" : "graph")
  const near = answered.data?.neighbors ?? undefined
  const groups = near === undefined ? [] : groupsOf(id, near)
  return (
    <section class="panel neighbors" aria-label="Neighbours">
      <header class="panel-head">
        <h2>Neighbours</h2>
        <span class="quiet-text" role="status">
          {near === undefined ? "" : totalOf(near)}
        </span>
        <fieldset class="switch">
          <legend class="unseen">Show neighbours as</legend>
          {ways.map(([value, label]) => (
            <button
              key={value}
              type="button"
              aria-pressed={way === value}
              onClick={() => setChosen(value)}
            >
              {label}
            </button>
          ))}
        </fieldset>
      </header>
      {near === undefined ? null : (
        <RelationFilter id={id} counts={countsByType(groups)} near={near} relation={relation} />
      )}
      {near?.truncated === true ? (
        <Notice tone="warn">
          There are more than can be drawn: the graph has the first {count(neighborsNodesPerHopMax)}
          , the list has all.
        </Notice>
      ) : null}
      {answered.problem === undefined ? null : (
        <Trouble problem={answered.problem} retry={answered.reload} />
      )}
      {way === "list" ? (
        <RelationshipList id={id} relation={relation} version={entity?.revision} />
      ) : entity === undefined || near === undefined ? (
        <Waiting rows={8} />
      ) : (
        <GraphPanel entity={entity} near={near} relation={relation} />
      )}
    </section>
  )
}

const totalOf = ({ entities, truncated }: Neighborhood): string =>
  `${truncated ? "more than " : ""}${counted(entities.length, "entity", "entities")}`

interface FilterProps {
  readonly id: string
  readonly counts: readonly (readonly [string, number])[]
  readonly near: Neighborhood
  readonly relation: string
}

/** One relationship type at a time, or all; the address remembers it. */
const RelationFilter = ({ id, counts, near, relation }: FilterProps) => (
  <nav class="chips" aria-label="Relationship types">
    <Chip
      id={id}
      label="all"
      relation=""
      now={relation}
      value={near.entities.length}
      isPart={near.truncated}
    />
    {counts.map(([type, value]) => (
      <Chip
        key={type}
        id={id}
        label={plainName(type)}
        relation={type}
        now={relation}
        value={value}
        isPart={near.truncated}
      />
    ))}
  </nav>
)

interface ChipProps {
  readonly id: string
  readonly label: string
  readonly relation: string
  readonly now: string
  readonly value: number
  /** There are more than were counted. */
  readonly isPart: boolean
}

const Chip = ({ id, label, relation, now, value, isPart }: ChipProps) => (
  <a
    class="chip"
    href={hashOf({ view: "entity", id, relation })}
    aria-current={relation === now ? "true" : undefined}
  >
    {label}{" "}
    <span class="chip-count">
      {count(value)}
      {isPart ? "+" : ""}
    </span>
  </a>
)
