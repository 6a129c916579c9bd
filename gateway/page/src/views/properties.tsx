/** Properties, each with the record that it comes from and what weaker records say instead. */
import { useState } from "preact/hooks"
import { pageRecordsMax } from "../../../../protocols/limits.ts"
import type { Assertion, Entity } from "../answers.ts"
import { count, counted, plainName } from "../format.ts"
import { Icon } from "../parts/icons.tsx"
import { Copy, Instant } from "../parts/parts.tsx"
import { Prose } from "../parts/prose.tsx"
import type { PropertyRow } from "../provenance.ts"
import { propertyRows } from "../provenance.ts"

export function PropertyTable({ entity }: { readonly entity: Entity }) {
  const rows = propertyRows(entity.properties, entity.sources).filter(({ name }) => name !== "name")
  const name = propertyRows(entity.properties, entity.sources).filter((row) => row.name === "name")
  const all = [...name, ...rows]
  return (
    <section class="panel" aria-label="Properties">
      <header class="panel-head">
        <h2>Properties</h2>
        <span class="quiet-text">with the source of each</span>
      </header>
      {all.length === 0 ? (
        <p class="none">No source says anything of it.</p>
      ) : (
        <ul class="properties">
          {all.map((row) => (
            <Property key={row.name} row={row} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Property({ row }: { readonly row: PropertyRow }) {
  const [isOpen, setOpen] = useState(false)
  const { name, value, from, others } = row
  const differing = others.filter(({ agrees }) => !agrees).length
  return (
    <li class="property">
      <div class="property-head">
        <span class="property-name" title={name}>
          {plainName(name)}
        </span>
        {from === undefined ? null : (
          <button
            type="button"
            class="source-chip"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            <span class="unseen">{plainName(name)} comes from </span>
            {from.source}
            {others.length === 0 ? null : (
              <span class={differing > 0 ? "chip-more differs" : "chip-more"}>
                +{count(others.length)}
              </span>
            )}
            <Icon name="right" />
          </button>
        )}
      </div>
      <Value value={value} />
      {isOpen && from !== undefined ? <Provenance from={from} others={others} /> : null}
    </li>
  )
}

const Provenance = ({
  from,
  others,
}: Required<Pick<PropertyRow, "others">> & { from: Assertion }) => (
  <div class="provenance">
    <RecordLine assertion={from} />
    {others.slice(0, pageRecordsMax).map(({ assertion, value, agrees }) => (
      <div key={`${assertion.source} ${assertion.recordKey}`} class="provenance-other">
        <RecordLine assertion={assertion} />
        {agrees ? (
          <p class="quiet-text">says the same</p>
        ) : (
          <>
            <p class="quiet-text">is weaker and says:</p>
            <Value value={value} />
          </>
        )}
      </div>
    ))}
    {others.length > pageRecordsMax ? (
      <p class="quiet-text">and {counted(others.length - pageRecordsMax, "weaker record")}</p>
    ) : null}
  </div>
)

export const RecordLine = ({ assertion }: { readonly assertion: Assertion }) => (
  <dl class="record-line">
    <div>
      <dt>source</dt>
      <dd>{assertion.source}</dd>
    </div>
    <div>
      <dt>record</dt>
      <dd class="record-key">
        <code>{assertion.recordKey}</code>
        <Copy text={assertion.recordKey} what="the record's key" />
      </dd>
    </div>
    <div>
      <dt>version</dt>
      <dd>{assertion.version === null ? "none named" : <Instant text={assertion.version} />}</dd>
    </div>
    <div>
      <dt>read as</dt>
      <dd>
        run {assertion.run}, record {assertion.ordinal}
      </dd>
    </div>
  </dl>
)

const foldedLength = 360

export function Value({ value }: { readonly value: unknown }) {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    return <ListValue items={value} />
  }
  if (typeof value === "object" && value !== null) {
    return <LongText text={JSON.stringify(value, null, 2)} isCode />
  }
  const text = String(value)
  if (instant.test(text)) return <TimeValue text={text} />
  const parsed = jsonOf(text)
  if (parsed !== undefined) return <LongText text={JSON.stringify(parsed, null, 2)} isCode />
  return <LongText text={text} />
}

/** RFC 3339, as STIX and CVE write it. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

const TimeValue = ({ text }: { readonly text: string }) => (
  <div class="value">
    {text
      .replace("T", " ")
      .replace(/( 00:00:00)?(\.\d+)?Z$/, (_, midnight) => (midnight ? "" : " UTC"))}{" "}
    <span class="quiet-text">
      <Instant text={text} />
    </span>
  </div>
)

/** Records keep what has no place of its own as JSON text. */
function jsonOf(text: string): object | undefined {
  if (!/^[[{]/.test(text)) return undefined
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === "object" && parsed !== null ? parsed : undefined
  } catch {
    return undefined
  }
}

function LongText({ text, isCode = false }: { readonly text: string; readonly isCode?: boolean }) {
  const [isWhole, setWhole] = useState(false)
  const isLong = text.length > foldedLength
  const shown = isLong && !isWhole ? `${text.slice(0, foldedLength).trimEnd()}…` : text
  return (
    <div class={isCode ? "value code" : "value"}>
      {isCode ? <pre>{shown}</pre> : <Prose text={shown} />}
      {isLong ? (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : `Show all ${counted(text.length, "character")}`}
        </button>
      ) : null}
    </div>
  )
}

const foldedItems = 8

function ListValue({ items }: { readonly items: readonly unknown[] }) {
  const [isWhole, setWhole] = useState(false)
  const shown = isWhole ? items : items.slice(0, foldedItems)
  if (items.length === 0) return <div class="value quiet-text">empty list</div>
  return (
    <div class="value">
      <ul class="value-list">
        {shown.map((item, place) => (
          // Members may be equal: their place tells them apart.
          // biome-ignore lint/suspicious/noArrayIndexKey: the list is not reordered.
          <li key={place}>{String(item)}</li>
        ))}
      </ul>
      {items.length > foldedItems ? (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show less" : `Show all ${items.length}`}
        </button>
      ) : null}
    </div>
  )
}
