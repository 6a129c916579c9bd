/** The records that speak of an entity, the strongest first. */
import type { Assertion } from "../answers.ts"
import { counted } from "../format.ts"
import { Panel } from "../parts/parts.tsx"
import { RecordLine } from "./properties.tsx"

export const Records = ({ sources }: { readonly sources: readonly Assertion[] }) =>
  sources.length === 0 ? null : (
    <Panel
      title="Records"
      aside={<span class="quiet-text">{counted(sources.length, "record")}, strongest first</span>}
    >
      <ol class="records">
        {sources.map((assertion) => (
          <li key={`${assertion.source} ${assertion.recordKey}`}>
            <RecordLine assertion={assertion} />
            <p class="quiet-text">
              says {counted(Object.keys(assertion.properties).length, "property", "properties")}
            </p>
          </li>
        ))}
      </ol>
    </Panel>
  )
