/** The records that speak of an entity, the strongest first. */
import { useState } from "preact/hooks"
import { pageRecordsMax } from "../../../../protocols/limits.ts"
import type { Assertion } from "../answers.ts"
import { counted } from "../format.ts"
import { More, Panel } from "../parts/parts.tsx"
import { RecordLine } from "./properties.tsx"

export function Records({ sources }: { readonly sources: readonly Assertion[] }) {
  const [shown, setShown] = useState(pageRecordsMax)
  if (sources.length === 0) return null
  return (
    <Panel
      title="Records"
      aside={<span class="quiet-text">{counted(sources.length, "record")}, strongest first</span>}
    >
      <ol class="records">
        {sources.slice(0, shown).map((assertion) => (
          <li key={`${assertion.source} ${assertion.recordKey}`}>
            <RecordLine assertion={assertion} />
            <p class="quiet-text">
              says {counted(Object.keys(assertion.properties).length, "property", "properties")}
            </p>
          </li>
        ))}
      </ol>
      {sources.length > shown ? (
        <More what="records" isLoading={false} onMore={() => setShown(shown + pageRecordsMax)} />
      ) : null}
    </Panel>
  )
}
