/** The feed of changed entities, which can be held to be read. */
import { useState } from "preact/hooks"
import { pageChangesKeptMax } from "../../../../protocols/limits.ts"
import { count } from "../format.ts"
import type { Changes } from "../live.ts"
import { changes } from "../live.ts"
import { Icon } from "../parts/icons.tsx"
import { Panel } from "../parts/parts.tsx"
import { useCell, useTitle } from "../use.ts"
import { ChangeRows } from "./change-list.tsx"

export function ChangesView() {
  useTitle("Changes")
  const now = useCell(changes)
  const [held, setHeld] = useState<Changes | undefined>(undefined)
  const shown = held ?? now
  const later = now.seen - shown.seen
  return (
    <div class="narrow-view">
      <h1>Changes</h1>
      <p class="lead">
        Every change of what is seen of an entity, as it is committed. {count(now.seen)} since this
        page was opened
        {now.seen > pageChangesKeptMax ? `; the newest ${count(pageChangesKeptMax)} are shown` : ""}
        .
      </p>
      <Panel
        title="Feed"
        aside={
          <button
            type="button"
            aria-pressed={held !== undefined}
            onClick={() => setHeld(held === undefined ? now : undefined)}
          >
            <Icon name={held === undefined ? "pause" : "play"} />
            {held === undefined ? "Hold" : later > 0 ? `Go on (${count(later)} later)` : "Go on"}
          </button>
        }
      >
        <ChangeRows rows={shown.recent} />
      </Panel>
    </div>
  )
}
