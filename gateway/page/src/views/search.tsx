/** Entities by words and type, page by page. */
import { pageRowsMax } from "../../../../protocols/limits.ts"
import type { Found, Page } from "../answers.ts"
import { searchDocument } from "../documents.ts"
import { count, nameOf } from "../format.ts"
import { More, Panel, StubTag, Trouble, TypeTag, Waiting } from "../parts/parts.tsx"
import { moveByKeys } from "../parts/row-keys.ts"
import { useStats } from "../pulse.ts"
import { ranked } from "../ranking.ts"
import { entityHash, hashOf } from "../route.ts"
import { useTitle } from "../use.ts"
import { usePages } from "../use-pages.ts"

interface SearchProps {
  readonly text: string
  readonly type: string
}

export function SearchView({ text, type }: SearchProps) {
  useTitle(text === "" ? type || "All entities" : `“${text}”`)
  const pages = usePages<{ entities: Page<Found> }, Found>(
    searchDocument,
    {
      type: type === "" ? null : type,
      filter: text === "" ? null : { text },
      first: pageRowsMax,
    },
    ({ entities }) => entities,
  )
  const { items, hasMore, isLoading, problem } = pages
  const isFirst = isLoading && items.length === 0
  const total = `${count(items.length)}${hasMore ? " shown, there are more" : ""}`
  return (
    <div class="search-view">
      <h1>{text === "" ? (type === "" ? "All entities" : type) : `Found for “${text}”`}</h1>
      <TypeFilter text={text} type={type} />
      <Panel
        title="Entities"
        aside={
          <span class="quiet-text" role="status">
            {isFirst ? "Searching…" : total}
          </span>
        }
      >
        {problem === undefined ? null : <Trouble problem={problem} retry={pages.reload} />}
        {isFirst ? <Waiting rows={8} /> : null}
        {!isLoading && items.length === 0 && problem === undefined ? (
          <p class="none">
            Nothing {type === "" ? "" : `of type ${type} `}has these words. Each may be the
            beginning of a word; names, aliases and texts are searched.
          </p>
        ) : null}
        <ul class="rows" onKeyDown={(event) => moveByKeys(event, "a.row")}>
          {ranked(items, text).map((item) => (
            <FoundRow key={item.id} item={item} />
          ))}
        </ul>
        {hasMore ? <More what="entities" isLoading={isLoading} onMore={pages.more} /> : null}
      </Panel>
    </div>
  )
}

const FoundRow = ({ item }: { readonly item: Found }) => (
  <li>
    <a class="row" href={entityHash(item.id)}>
      <span class="row-name">
        {nameOf(item)} {item.stub ? <StubTag /> : null}
      </span>
      <span class="row-aliases">{item.aliases.map(({ value }) => value).join(" · ")}</span>
      <span class="row-key">{item.name === null ? "" : item.key}</span>
      <TypeTag type={item.type} />
    </a>
  </li>
)

/** All types that the graph has, the most entities first. */
function TypeFilter({ text, type }: SearchProps) {
  const { data } = useStats()
  const counts = [...(data?.stats.byType ?? [])].sort((a, b) => b.count - a.count)
  return (
    <div class="type-filter">
      <label for="type-filter">Type</label>
      <select
        id="type-filter"
        value={type}
        onChange={(event) => {
          window.location.hash = hashOf({ view: "search", text, type: event.currentTarget.value })
        }}
      >
        <option value="">all types</option>
        {type !== "" && !counts.some((one) => one.type === type) ? (
          <option value={type}>{type}</option>
        ) : null}
        {counts.map((one) => (
          <option key={one.type} value={one.type}>
            {one.type} ({count(one.count)})
          </option>
        ))}
      </select>
    </div>
  )
}
