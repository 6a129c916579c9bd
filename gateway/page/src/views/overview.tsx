/** What the node holds, where it came from, and what is happening: the first thing one sees. */
import type { Stats, TypeCount } from "../answers.ts"
import { slotOf } from "../colours.ts"
import { count, counted, plainName } from "../format.ts"
import { Count, Panel, Trouble, Waiting } from "../parts/parts.tsx"
import { useActors, useProgress, useStats } from "../pulse.ts"
import { hashOf } from "../route.ts"
import { useTitle } from "../use.ts"
import { ChangeList } from "./change-list.tsx"
import { EmptyGraph } from "./empty-graph.tsx"
import { SourceList } from "./sources.tsx"
import { TroubleStrip } from "./trouble-strip.tsx"

export function Overview() {
  useTitle("")
  const { data, problem, reload } = useStats()
  const { sources } = useProgress()
  const actors = useActors()
  const stats = data?.stats
  if (stats === undefined) {
    return (
      <div class="overview">
        <h1 class="unseen">Overview</h1>
        {problem === undefined ? <OverviewWaiting /> : <Trouble problem={problem} retry={reload} />}
        {problem?.kind === "forbidden" ? (
          <p>
            What the token may see of the node is at <a href={hashOf({ view: "node" })}>Node</a>.
          </p>
        ) : null}
      </div>
    )
  }
  const isEmpty =
    stats.entities + stats.stubs + stats.deadLetters + sources.length + stats.sources.length === 0
  return (
    <div class="overview">
      <h1 class="unseen">Overview</h1>
      {problem === undefined ? null : <Trouble problem={problem} retry={reload} />}
      <TroubleStrip stats={stats} root={actors.data?.actors ?? undefined} sources={sources} />
      {isEmpty ? <EmptyGraph /> : null}
      {isEmpty ? null : <Tiles stats={stats} />}
      {isEmpty ? null : <Holdings stats={stats} progress={sources} />}
    </div>
  )
}

const OverviewWaiting = () => (
  <>
    <div class="tiles" aria-hidden="true">
      {["Entities", "Relationships", "Stubs", "Assertions", "Dead letters"].map((label) => (
        <div class="tile" key={label}>
          <div class="tile-label">{label}</div>
          <div class="tile-value">–</div>
          <div class="tile-note"> </div>
        </div>
      ))}
    </div>
    <Waiting rows={6} />
  </>
)

interface TileProps {
  readonly label: string
  readonly value: number
  readonly note: string
  readonly href?: string
  readonly tone?: "bad" | undefined
}

function Tile({ label, value, note, href, tone }: TileProps) {
  const content = (
    <>
      <div class="tile-label">{label}</div>
      <div class="tile-value" title={count(value)}>
        <Count value={value} />
      </div>
      <div class="tile-note">{note}</div>
    </>
  )
  const name = tone === undefined ? "tile" : `tile ${tone}`
  if (href === undefined) return <div class={name}>{content}</div>
  return (
    <a class={name} href={href}>
      {content}
    </a>
  )
}

const Tiles = ({ stats }: { readonly stats: Stats }) => (
  <div class="tiles">
    <Tile
      label="Entities"
      value={stats.entities}
      note={`of ${counted(stats.byType.length, "type")}`}
      href={hashOf({ view: "search", text: "", type: "" })}
    />
    <Tile
      label="Relationships"
      value={stats.relationships + stats.derived}
      note={`${count(stats.derived)} from references`}
    />
    <Tile label="Stubs" value={stats.stubs} note="pointed to, not described" />
    <Tile
      label="Assertions"
      value={stats.assertions}
      note={
        stats.ambiguous === 0
          ? "rows of provenance"
          : `${count(stats.ambiguous)} aliases claimed twice`
      }
    />
    <Tile
      label="Dead letters"
      value={stats.deadLetters}
      note={stats.deadLetters === 0 ? "every record was taken" : "records that stand aside"}
      href={hashOf({ view: "dead-letters", source: "", reason: "" })}
      tone={stats.deadLetters > 0 ? "bad" : undefined}
    />
  </div>
)

interface HoldingsProps {
  readonly stats: Stats
  readonly progress: Parameters<typeof SourceList>[0]["progress"]
}

const Holdings = ({ stats, progress }: HoldingsProps) => (
  <div class="columns">
    <div class="column">
      <Panel title="Types">
        <TypeBars
          counts={stats.byType}
          hrefOf={(type) => hashOf({ view: "search", text: "", type })}
        />
      </Panel>
      <Panel title="Relationships">
        <TypeBars counts={stats.byRelationship} />
      </Panel>
    </div>
    <div class="column">
      <Panel title="Sources">
        <SourceList stats={stats.sources} progress={progress} />
      </Panel>
      <Panel
        title="Latest changes"
        aside={
          <a class="panel-link" href={hashOf({ view: "changes" })}>
            All changes
          </a>
        }
      >
        <ChangeList most={8} />
      </Panel>
    </div>
  </div>
)

interface TypeBarsProps {
  readonly counts: readonly TypeCount[]
  readonly hrefOf?: (type: string) => string
}

/** The most first; the bar is measured against the largest. */
function TypeBars({ counts, hrefOf }: TypeBarsProps) {
  const most = Math.max(1, ...counts.map((one) => one.count))
  const sorted = [...counts].sort((a, b) => b.count - a.count)
  if (sorted.length === 0) return <p class="none">None yet.</p>
  return (
    <ul class="bars">
      {sorted.map(({ type, count: value }) => (
        <li key={type} class={hrefOf === undefined ? "" : `c${slotOf(type)}`}>
          {hrefOf === undefined ? (
            <span class="bar-name">
              <span class="cut">{plainName(type)}</span>
            </span>
          ) : (
            <a class="bar-name" href={hrefOf(type)}>
              <span class="dot" aria-hidden="true" />
              <span class="cut">{type}</span>
            </a>
          )}
          <span class="bar-track" aria-hidden="true">
            <span class="bar-fill" style={{ width: `${(100 * value) / most}%` }} />
          </span>
          <span class="bar-value">{count(value)}</span>
        </li>
      ))}
    </ul>
  )
}
