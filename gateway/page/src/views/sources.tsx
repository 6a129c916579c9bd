/** Sources: how far each is read, and what became of its records. */
import type { Progress, RecordCounts, SourceStats } from "../answers.ts"
import { bytes, count, duration, perSecond } from "../format.ts"
import { Count } from "../parts/parts.tsx"
import { isRunning } from "../pulse.ts"
import { hashOf } from "../route.ts"

interface SourceListProps {
  readonly stats: readonly SourceStats[]
  readonly progress: readonly Progress[]
}

/** Durable counters, with the connector beside them where one runs or ran. */
export function SourceList({ stats, progress }: SourceListProps) {
  const names = [...new Set([...stats, ...progress].map(({ source }) => source))].sort()
  if (names.length === 0) return <p class="none">No source has brought anything yet.</p>
  return (
    <ul class="sources">
      {names.map((name) => (
        <Source
          key={name}
          stats={stats.find(({ source }) => source === name)}
          progress={progress.find(({ source }) => source === name)}
        />
      ))}
    </ul>
  )
}

interface SourceProps {
  readonly stats: SourceStats | undefined
  readonly progress: Progress | undefined
}

function Source({ stats, progress }: SourceProps) {
  const counts: RecordCounts | undefined = stats ?? progress
  if (counts === undefined) return null
  const runs = progress !== undefined && isRunning(progress)
  return (
    <li class="source">
      <div class="source-head">
        <span class="source-name">{counts.source}</span>
        {progress === undefined ? null : <Phase progress={progress} />}
        {stats === undefined ? null : (
          <span class="source-holds">
            {count(stats.entities)} entities · {count(stats.relationships + stats.derived)}{" "}
            relationships
          </span>
        )}
      </div>
      {runs ? <ProgressBar progress={progress} /> : null}
      {progress?.error == null ? null : <p class="source-error">{progress.error}</p>}
      <Counts counts={counts} />
    </li>
  )
}

function Phase({ progress }: { readonly progress: Progress }) {
  const { phase, error } = progress
  const tone = phase === "failed" || error !== null ? "bad" : isRunning(progress) ? "busy" : "good"
  return <span class={`state ${phase === "interrupted" ? "warn" : tone}`}>{phase}</span>
}

function ProgressBar({ progress }: { readonly progress: Progress }) {
  const { fileBytes, fileBytesRead, read, seconds, source, refusedBlocks } = progress
  const share = fileBytes === 0 ? 0 : Math.min(1, fileBytesRead / fileBytes)
  const percent = Math.round(share * 100)
  return (
    <div class="progress-line">
      <div
        class="progress"
        role="progressbar"
        aria-label={`${source} is read`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
      >
        <span style={{ width: `${share * 100}%` }} />
      </div>
      <span class="progress-text">
        {percent} % of {bytes(fileBytes)} · {perSecond(seconds > 0 ? read / seconds : 0)} ·{" "}
        {duration(seconds)}
        {refusedBlocks > 0 ? ` · ${count(refusedBlocks)} blocks held back` : ""}
      </span>
    </div>
  )
}

/** read = accepted + duplicates + refused + deadLettered; zeros are left grey. */
function Counts({ counts }: { readonly counts: RecordCounts }) {
  const cells = [
    { name: "read", value: counts.read },
    { name: "accepted", value: counts.accepted },
    { name: "duplicates", value: counts.duplicates },
    { name: "refused", value: counts.refused, tone: "warn" },
    { name: "dead letters", value: counts.deadLettered, tone: "bad" },
  ]
  return (
    <dl class="counts">
      {cells.map(({ name, value, tone }) => (
        <div key={name} class={value === 0 ? "zero" : (tone ?? "")}>
          <dt>{name}</dt>
          <dd>
            {name === "dead letters" && value > 0 ? (
              <a href={hashOf({ view: "dead-letters", source: counts.source, reason: "" })}>
                <Count value={value} />
              </a>
            ) : (
              <Count value={value} />
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}
