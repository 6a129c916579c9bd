/** Entities that changed, the newest first, as the node tells of them. */
import { count } from "../format.ts"
import type { SeenChange } from "../live.ts"
import { changes, link, refusals } from "../live.ts"
import { Ago, EntityLink, Trouble, TypeTag } from "../parts/parts.tsx"
import { useCell } from "../use.ts"

const words = { CREATED: "new", UPDATED: "changed", REMOVED: "gone" } as const

export function ChangeList({ most }: { readonly most: number }) {
  const { recent } = useCell(changes)
  return <ChangeRows rows={recent.slice(0, most)} />
}

export function ChangeRows({ rows }: { readonly rows: readonly SeenChange[] }) {
  const state = useCell(link)
  const refused = useCell(refusals).get("entityChanged")
  if (refused !== undefined) return <Trouble problem={refused} />
  if (rows.length === 0) {
    return (
      <p class="none">
        {state === "polling"
          ? "This node tells of no changes; the figures here are asked for again and again."
          : "Nothing has changed since this page was opened. What does is shown here at once."}
      </p>
    )
  }
  return (
    <ul class="changes">
      {rows.map((change) => (
        <li key={change.resume}>
          <span class={`change-kind ${change.kind.toLowerCase()}`}>{words[change.kind]}</span>
          <span class="change-name">
            {change.entity === null ? (
              change.key
            ) : (
              <EntityLink
                entity={{
                  id: change.id,
                  type: change.type,
                  key: change.key,
                  name: change.entity.name,
                  stub: change.entity.stub,
                }}
              />
            )}
          </span>
          <TypeTag type={change.type} />
          <span class="change-revision" title={`revision ${count(change.revision)}`}>
            r{change.revision}
          </span>
          <Ago millis={change.seenMillis} />
        </li>
      ))}
    </ul>
  )
}
