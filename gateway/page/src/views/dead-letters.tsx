/** Records that could not be taken in, with the reason and their first bytes. */
import { useState } from "preact/hooks"
import { pageBytesShownMax, pageRowsMax } from "../../../../protocols/limits.ts"
import type { DeadLetter, Page } from "../answers.ts"
import { deadLettersDocument } from "../documents.ts"
import { bytes, count, hexOfBytes, textOfBytes } from "../format.ts"
import { Icon } from "../parts/icons.tsx"
import { Copy, More, Newer, Panel, Trouble, Waiting } from "../parts/parts.tsx"
import { useStats } from "../pulse.ts"
import { hashOf } from "../route.ts"
import { useTitle } from "../use.ts"
import { usePages } from "../use-pages.ts"
import { CommandLine } from "./empty-graph.tsx"

interface LettersProps {
  readonly source: string
  readonly reason: string
}

export function DeadLettersView({ source, reason }: LettersProps) {
  useTitle("Dead letters")
  const { data } = useStats()
  const pages = usePages<{ deadLetters: Page<DeadLetter> }, DeadLetter>(
    deadLettersDocument,
    {
      source: source === "" ? null : source,
      reason: reason === "" ? null : reason,
      first: pageRowsMax,
      bytes: pageBytesShownMax,
    },
    ({ deadLetters }) => deadLetters,
    data?.stats.deadLetters,
  )
  const { items, hasMore, isLoading, problem } = pages
  const isFiltered = source !== "" || reason !== ""
  return (
    <div class="narrow-view">
      <h1>Dead letters</h1>
      <p class="lead">
        Records that could not be taken in. Each is kept with its bytes and the reason; mend the
        file or its mapping and ingest it again.
      </p>
      <Filters source={source} reason={reason} />
      {problem === undefined ? null : <Trouble problem={problem} retry={pages.reload} />}
      {isLoading && items.length === 0 ? <Waiting rows={6} /> : null}
      {!isLoading && items.length === 0 && problem === undefined ? (
        <Panel title="None">
          <p class="none">
            {isFiltered ? "No record stands aside for this." : "Every record was taken in."}
          </p>
        </Panel>
      ) : null}
      {pages.isOld ? <Newer onReload={pages.reload} /> : null}
      <ul class="letters">
        {items.map((letter) => (
          <Letter key={letter.id} letter={letter} source={source} />
        ))}
      </ul>
      {hasMore ? <More what="dead letters" isLoading={isLoading} onMore={pages.more} /> : null}
    </div>
  )
}

function Filters({ source, reason }: LettersProps) {
  const { data } = useStats()
  const sources = (data?.stats.sources ?? []).filter(({ deadLettered }) => deadLettered > 0)
  return (
    <nav class="chips" aria-label="Only of a source or reason">
      <FilterChip label="all" source="" isNow={source === "" && reason === ""} />
      {sources.map((one) => (
        <FilterChip
          key={one.source}
          label={one.source}
          value={one.deadLettered}
          source={one.source}
          isNow={source === one.source && reason === ""}
        />
      ))}
      {reason === "" ? null : (
        <a
          class="chip"
          href={hashOf({ view: "dead-letters", source, reason: "" })}
          aria-current="true"
        >
          {reason} <Icon name="close" />
          <span class="unseen">(show all reasons)</span>
        </a>
      )}
    </nav>
  )
}

interface FilterChipProps {
  readonly label: string
  readonly value?: number
  readonly source: string
  readonly isNow: boolean
}

const FilterChip = ({ label, value, source, isNow }: FilterChipProps) => (
  <a
    class="chip"
    href={hashOf({ view: "dead-letters", source, reason: "" })}
    aria-current={isNow ? "true" : undefined}
  >
    {label} {value === undefined ? null : <span class="chip-count">{count(value)}</span>}
  </a>
)

function Letter({ letter, source }: { readonly letter: DeadLetter; readonly source: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <li class="panel letter">
      <div class="letter-head">
        <a class="reason" href={hashOf({ view: "dead-letters", source, reason: letter.reason })}>
          {letter.reason}
        </a>
        <span class="letter-source">{letter.source}</span>
        <span class="letter-place">
          record {count(letter.ordinal)}
          {letter.recordKey === "" ? "" : ` · ${letter.recordKey}`}
        </span>
        <button
          type="button"
          class="letter-toggle"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? "Hide record" : "Show record"}
          <span class="unseen"> {count(letter.ordinal)}</span>
        </button>
      </div>
      <p class="letter-detail">{letter.detail}</p>
      {isOpen ? <LetterRecord letter={letter} /> : null}
    </li>
  )
}

function LetterRecord({ letter }: { readonly letter: DeadLetter }) {
  const [isHex, setHex] = useState(false)
  const given = Uint8Array.from(atob(letter.bytes), (unit) => unit.charCodeAt(0))
  const shown = isHex ? hexOfBytes(given) : textOfBytes(given)
  return (
    <div class="letter-record">
      <dl class="record-line">
        <div>
          <dt>file</dt>
          <dd>
            <code>{letter.file}</code>
          </dd>
        </div>
        <div>
          <dt>place</dt>
          <dd>
            byte {count(letter.offset)}, {bytes(letter.lengthBytes)} long, run {letter.run}
          </dd>
        </div>
        <div>
          <dt>fingerprint</dt>
          <dd class="record-key">
            <code>{letter.fingerprint}</code>
            <Copy text={letter.fingerprint} what="the fingerprint" />
          </dd>
        </div>
      </dl>
      <div class="bytes-head">
        <span class="quiet-text">
          {given.length < letter.lengthBytes
            ? `The first ${bytes(given.length)} of ${bytes(letter.lengthBytes)}`
            : `All ${bytes(given.length)}`}
        </span>
        <button type="button" aria-pressed={isHex} onClick={() => setHex(!isHex)}>
          Hex
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reachable by keys. */}
      <section class="bytes" tabIndex={0} aria-label="Bytes of the record">
        <pre>{shown === "" ? "(no bytes are kept)" : shown}</pre>
      </section>
      <CommandLine text={`npx --no intelgraph dlq show ${letter.id}`} />
    </div>
  )
}
