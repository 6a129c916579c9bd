/** Actors as a tree with their figures: a tree grid whose rows are walked by arrow keys. */
import { useRef, useState } from "preact/hooks"
import { pageActorsMax } from "../../../../protocols/limits.ts"
import type { Actor } from "../answers.ts"
import { count, counted, perSecond } from "../format.ts"
import { Icon } from "../parts/icons.tsx"
import { Count } from "../parts/parts.tsx"
import { placeAfter } from "../parts/row-keys.ts"
import type { ActorRow } from "./actor-rows.ts"
import { needsCare, rowsOf } from "./actor-rows.ts"

interface TreeProps {
  readonly root: Actor
  readonly rates: ReadonlyMap<string, number>
  readonly chosen: string | undefined
  readonly onChoose: (address: string) => void
}

/** Below it a bar would shout about a message or two. */
const depthScaleMin = 16

const columns = ["Actor", "State", "Waiting", "Rate", "Handled", "Refused", "Dead", "Restarts"]

export function ActorTree({ root, rates, chosen, onChoose }: TreeProps) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const table = useRef<HTMLTableElement>(null)
  const all = rowsOf(root, closed)
  const rows = all.slice(0, pageActorsMax)
  const focused = rows.some(({ actor }) => actor.address === chosen) ? chosen : root.address
  const most = Math.max(depthScaleMin, ...all.map(({ actor }) => actor.mailbox.pending))
  const toggle = (address: string, opens: boolean) => {
    const next = new Set(closed)
    if (opens) next.delete(address)
    else next.add(address)
    setClosed(next)
  }
  const goTo = (address: string | undefined) => {
    if (address === undefined) return
    onChoose(address)
    table.current?.querySelector<HTMLElement>(`[data-address="${CSS.escape(address)}"]`)?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const now = rows.findIndex(({ actor }) => actor.address === focused)
    const row = rows[now]
    if (row === undefined) return
    const { address } = row.actor
    const next = placeAfter(event.key, now, rows.length)
    if (next !== undefined) goTo(rows[next]?.actor.address)
    else if (event.key === "ArrowRight") {
      if (row.hasChildren && !row.isOpen) toggle(address, true)
      else if (row.isOpen) goTo(rows[now + 1]?.actor.address)
    } else if (event.key === "ArrowLeft") {
      if (row.isOpen) toggle(address, false)
      else goTo(row.parent)
    } else if (event.key === "Enter" || event.key === " ") onChoose(address)
    else return
    event.preventDefault()
  }
  return (
    <div class="scroll-x">
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the pattern of ARIA. */}
      <table class="actors" role="treegrid" aria-label="Actors" ref={table} onKeyDown={onKeyDown}>
        <Head />
        <tbody>
          {rows.map((row) => (
            <Row
              key={row.actor.address}
              row={row}
              rate={rates.get(row.actor.address)}
              most={most}
              isFocused={row.actor.address === focused}
              isChosen={row.actor.address === chosen}
              onChoose={() => onChoose(row.actor.address)}
              onToggle={() => toggle(row.actor.address, !row.isOpen)}
            />
          ))}
        </tbody>
      </table>
      {all.length > rows.length ? (
        <p class="none">
          {counted(all.length - rows.length, "further actor")} not shown: close some.
        </p>
      ) : null}
    </div>
  )
}

const Head = () => (
  <thead>
    <tr>
      {columns.map((name) => (
        <th key={name} scope="col">
          {name}
        </th>
      ))}
    </tr>
  </thead>
)

interface RowProps {
  readonly row: ActorRow
  readonly rate: number | undefined
  readonly most: number
  readonly isFocused: boolean
  readonly isChosen: boolean
  readonly onChoose: () => void
  readonly onToggle: () => void
}

function Row({ row, rate, most, isFocused, isChosen, onChoose, onToggle }: RowProps) {
  const { actor, level, hasChildren, isOpen, place, of } = row
  const { mailbox } = actor
  return (
    <tr
      data-address={actor.address}
      class={needsCare(actor) ? "care" : ""}
      aria-level={level}
      aria-posinset={place}
      aria-setsize={of}
      aria-expanded={hasChildren ? isOpen : undefined}
      aria-selected={isChosen}
      tabIndex={isFocused ? 0 : -1}
      onClick={onChoose}
    >
      <td class={`actor-name level${Math.min(level, 5)}`}>
        {hasChildren ? (
          <button
            type="button"
            class={isOpen ? "twist open" : "twist"}
            tabIndex={-1}
            aria-label={isOpen ? "Close" : "Open"}
            onClick={(event) => {
              event.stopPropagation()
              onToggle()
            }}
          >
            <Icon name="right" />
          </button>
        ) : (
          <span class="twist" />
        )}
        <span class="actor-kind">{actor.kind}</span>
        <span class="actor-key">{actor.key}</span>
      </td>
      <td>
        <span class={`state ${stateTone(actor.state)}`}>{actor.state}</span>
      </td>
      <td class="depth" title={depthTitle(actor)}>
        <span class="depth-bar" aria-hidden="true">
          <span style={{ width: `${(100 * mailbox.pending) / most}%` }} />
        </span>
        {count(mailbox.pending)}
      </td>
      <td class="number">{rate === undefined ? "–" : perSecond(rate)}</td>
      <td class="number">
        <Count value={mailbox.handled} />
      </td>
      <td class={mailbox.refused > 0 ? "number warn" : "number zero"}>
        <Count value={mailbox.refused} />
      </td>
      <td class={mailbox.deadLettered > 0 ? "number bad" : "number zero"}>
        <Count value={mailbox.deadLettered} />
      </td>
      <td class={actor.restarts > 0 ? "number warn" : "number zero"}>{count(actor.restarts)}</td>
    </tr>
  )
}

const depthTitle = ({ mailbox }: Actor): string =>
  `${count(mailbox.queued)} queued, ${count(mailbox.stashed)} stashed, ` +
  `${count(mailbox.parked)} parked, ${count(mailbox.inTurn)} in turn`

const stateTone = (state: string): string =>
  state === "running" ? "good" : state === "quarantined" ? "bad" : state === "passive" ? "" : "warn"
