/** One entity: what is seen of it and where that comes from, beside its neighbours. */
import { useEffect, useState } from "preact/hooks"
import type { Entity, Neighborhood } from "../answers.ts"
import { entityDocument, neighborsDocument } from "../documents.ts"
import { count, nameOf } from "../format.ts"
import { changes } from "../live.ts"
import { Icon } from "../parts/icons.tsx"
import { Copy, Notice, StubTag, Trouble, TypeTag, Waiting } from "../parts/parts.tsx"
import { usePollMillis } from "../pulse.ts"
import { hashOf } from "../route.ts"
import { useAnswer, useCell, useMedia, useTitle } from "../use.ts"
import { Neighbors } from "./neighbors.tsx"
import { PropertyTable } from "./properties.tsx"
import { Records } from "./records.tsx"

interface EntityViewProps {
  readonly id: string
  readonly relation: string
}

export function EntityView({ id, relation }: EntityViewProps) {
  const version = useVersionOf(id)
  const isNarrow = useMedia("(max-width: 960px)")
  const [part, setPart] = useState<Part>(relation === "" ? "properties" : "neighbours")
  const everyMillis = usePollMillis()
  const own = useAnswer<{ entity: Entity | null }>(entityDocument, { id }, { version, everyMillis })
  const near = useAnswer<{ neighbors: Neighborhood | null }>(neighborsDocument, { id }, { version })
  const entity = own.data?.entity
  useTitle(entity == null ? "Entity" : nameOf(entity))
  if (own.problem !== undefined && entity === undefined) {
    return (
      <div class="narrow-view">
        <h1>Entity</h1>
        <Trouble problem={own.problem} retry={own.reload} />
      </div>
    )
  }
  if (entity === null) return <Nobody />
  const hasAll = !isNarrow || part === "neighbours"
  return (
    <div class="entity-view">
      <div class="entity-side">
        {entity === undefined ? <Waiting rows={10} /> : <EntityHead entity={entity} />}
        {isNarrow ? <Parts part={part} onPart={setPart} /> : null}
        {entity === undefined || (isNarrow && part !== "properties") ? null : (
          <Details entity={entity} />
        )}
      </div>
      {hasAll ? (
        <div class="entity-main">
          <Neighbors id={id} entity={entity} answered={near} relation={relation} />
        </div>
      ) : null}
    </div>
  )
}

type Part = "properties" | "neighbours"

/** Where there is no room for both beside each other. */
const Parts = ({
  part,
  onPart,
}: {
  readonly part: Part
  readonly onPart: (next: Part) => void
}) => (
  <fieldset class="switch wide">
    <legend class="unseen">Show</legend>
    <button type="button" aria-pressed={part === "properties"} onClick={() => onPart("properties")}>
      Properties
    </button>
    <button type="button" aria-pressed={part === "neighbours"} onClick={() => onPart("neighbours")}>
      Neighbours
    </button>
  </fieldset>
)

const Nobody = () => (
  <div class="narrow-view">
    <h1>Nothing here</h1>
    <Notice>
      There is no such entity. It may have been removed since the address was kept, or belong to
      another tenant. Search for it by name above.
    </Notice>
  </div>
)

/** Rises with each change of this entity that the node tells of. */
function useVersionOf(id: string): string {
  const { recent } = useCell(changes)
  return recent.find((change) => change.id === id)?.resume ?? ""
}

const Details = ({ entity }: { readonly entity: Entity }) => (
  <>
    {entity.stub ? (
      <Notice>No source describes this yet; others point to it by its key or an alias.</Notice>
    ) : null}
    <PropertyTable entity={entity} />
    <Records sources={entity.sources} />
  </>
)

function EntityHead({ entity }: { readonly entity: Entity }) {
  const isFresh = useFresh(entity.revision)
  return (
    <header class="entity-head">
      <div class="entity-kind">
        <TypeTag type={entity.type} />
        {entity.stub ? <StubTag /> : null}
        {entity.revision === 0 ? null : (
          <span class={isFresh ? "revision fresh" : "revision"} title="Rises with every change">
            revision {count(entity.revision)}
          </span>
        )}
        <span class="unseen" role="status">
          {isFresh ? `${nameOf(entity)} changed just now.` : ""}
        </span>
      </div>
      <h1>{nameOf(entity)}</h1>
      <div class="entity-key">
        <code>{entity.key}</code>
        <Copy text={entity.key} what="the key" />
      </div>
      {entity.aliases.length === 0 ? null : (
        <ul class="aliases" aria-label="Aliases">
          {entity.aliases.map(({ scheme, value }) => (
            <li key={`${scheme} ${value}`}>
              <span class="alias-scheme">{scheme}</span> {value}
            </li>
          ))}
        </ul>
      )}
      <a class="button" href={hashOf({ view: "path", from: entity.id, to: "" })}>
        <Icon name="path" /> Path to…
      </a>
    </header>
  )
}

const freshMillis = 4_000

/** True for a while after the revision rose under the reader's eyes. */
function useFresh(revision: number): boolean {
  const [seen, setSeen] = useState(revision)
  useEffect(() => {
    if (seen === revision) return undefined
    const timer = setTimeout(() => setSeen(revision), freshMillis)
    return () => clearTimeout(timer)
  }, [seen, revision])
  return revision > seen
}
