/** A shortest path between two entities, step by step. */

import { pathHopsMax } from "../../../../protocols/limits.ts"
import type { EntityRef, Link, Path } from "../answers.ts"
import { entityNameDocument, pathDocument } from "../documents.ts"
import { counted, nameOf, plainName } from "../format.ts"
import { EntityPicker } from "../parts/entity-picker.tsx"
import { Icon } from "../parts/icons.tsx"
import { EntityLink, Notice, Panel, StubTag, Trouble, TypeTag, Waiting } from "../parts/parts.tsx"
import { hashOf } from "../route.ts"
import { useAnswer, useTitle } from "../use.ts"

interface PathViewProps {
  readonly from: string
  readonly to: string
}

export function PathView({ from, to }: PathViewProps) {
  useTitle("Path")
  const start = useEntity(from)
  const end = useEntity(to)
  const go = (next: PathViewProps) => {
    window.location.hash = hashOf({ view: "path", ...next })
  }
  return (
    <div class="narrow-view path-view">
      <h1>Shortest path</h1>
      <div class="path-ends">
        <PathEnd label="From" entity={start} onPick={({ id }) => go({ from: id, to })} />
        <button
          type="button"
          class="quiet"
          title="Swap the ends"
          disabled={to === ""}
          onClick={() => go({ from: to, to: from })}
        >
          <Icon name="swap" />
          <span class="unseen">Swap the ends</span>
        </button>
        <PathEnd label="To" entity={end} onPick={({ id }) => go({ from, to: id })} />
      </div>
      {to === "" ? (
        <Notice>Choose where the path ends: type a name, an alias or a key.</Notice>
      ) : (
        <Found from={from} to={to} />
      )}
    </div>
  )
}

function useEntity(id: string): EntityRef | undefined {
  const { data } = useAnswer<{ entity: EntityRef | null }>(
    entityNameDocument,
    { id },
    { isOff: id === "" },
  )
  return data?.entity ?? undefined
}

interface PathEndProps {
  readonly label: string
  readonly entity: EntityRef | undefined
  readonly onPick: (entity: EntityRef) => void
}

const PathEnd = ({ label, entity, onPick }: PathEndProps) => (
  <div class="path-end">
    <span class="path-label">{label}</span>
    <EntityPicker
      label={`Path ${label.toLowerCase()}`}
      placeholder="Name, alias or key"
      initial={entity === undefined ? "" : nameOf(entity)}
      onPick={onPick}
    />
  </div>
)

function Found({ from, to }: PathViewProps) {
  const { data, problem, isLoading, reload } = useAnswer<{ path: Path | null }>(pathDocument, {
    from,
    to,
  })
  if (problem !== undefined) return <Trouble problem={problem} retry={reload} />
  if (isLoading || data === undefined) return <Waiting rows={5} />
  if (data.path === null) {
    return (
      <Notice>
        There is no path between the two of at most {pathHopsMax} relationships, whichever way they
        point.
      </Notice>
    )
  }
  return (
    <Panel
      title="Path"
      aside={
        <span class="quiet-text">{counted(data.path.relationships.length, "relationship")}</span>
      }
    >
      <Steps path={data.path} />
    </Panel>
  )
}

const Steps = ({ path }: { readonly path: Path }) => (
  <ol class="steps">
    {path.entities.map((entity, place) => (
      <li key={entity.id} class="step">
        <div class="step-entity">
          <TypeTag type={entity.type} />
          <EntityLink entity={entity} />
          {entity.stub ? <StubTag /> : null}
        </div>
        <StepLink link={path.relationships[place]} from={entity.id} />
      </li>
    ))}
  </ol>
)

function StepLink({ link, from }: { readonly link: Link | undefined; readonly from: string }) {
  if (link === undefined) return null
  const isOut = link.from.id === from
  return (
    <div class={isOut ? "step-link" : "step-link back"}>
      <span class="step-line" aria-hidden="true" />
      <span class="step-type">
        {plainName(link.type)}
        <span class="unseen">{isOut ? " (leads on)" : " (leads back)"}</span>
      </span>
    </div>
  )
}
