/** All relationships of an entity, page by page: the same as the graph, to be read. */
import { pageRowsMax } from "../../../../protocols/limits.ts"
import type { Page, Relationship } from "../answers.ts"
import { relationshipsDocument } from "../documents.ts"
import { nameOf, plainName } from "../format.ts"
import { Icon } from "../parts/icons.tsx"
import { More, Newer, StubTag, Trouble, TypeTag, Waiting } from "../parts/parts.tsx"
import { moveByKeys } from "../parts/row-keys.ts"
import { entityHash } from "../route.ts"
import { usePages } from "../use-pages.ts"

interface ListProps {
  readonly id: string
  readonly relation: string
  readonly version: unknown
}

type Answer = { readonly entity: { readonly relationships: Page<Relationship> } | null }

export function RelationshipList({ id, relation, version }: ListProps) {
  const pages = usePages<Answer, Relationship>(
    relationshipsDocument,
    { id, type: relation === "" ? null : relation, first: pageRowsMax },
    ({ entity }) => entity?.relationships,
    version,
  )
  const { items, hasMore, isLoading, problem } = pages
  return (
    <div class="list-pane">
      {problem === undefined ? null : <Trouble problem={problem} retry={pages.reload} />}
      {isLoading && items.length === 0 ? <Waiting rows={8} /> : null}
      {!isLoading && items.length === 0 && problem === undefined ? (
        <p class="none">Nothing is related to it.</p>
      ) : null}
      {pages.isOld ? <Newer onReload={pages.reload} /> : null}
      <ul class="rows" onKeyDown={(event) => moveByKeys(event, "a.row")}>
        {items.map((item) => (
          <RelationshipRow
            key={`${item.type} ${item.from.id} ${item.to.id} ${item.discriminator}`}
            of={id}
            item={item}
          />
        ))}
      </ul>
      {hasMore ? <More what="relationships" isLoading={isLoading} onMore={pages.more} /> : null}
    </div>
  )
}

function RelationshipRow({ of, item }: { readonly of: string; readonly item: Relationship }) {
  const isOut = item.from.id === of
  const other = isOut ? item.to : item.from
  return (
    <li>
      <a class="row relation" href={entityHash(other.id)}>
        <span class="row-relation">
          <Icon name={isOut ? "out" : "in"} />
          <span class="unseen">{isOut ? "this" : "it is pointed to:"}</span>
          {plainName(item.type)}
        </span>
        <span class="row-name">
          {nameOf(other)} {other.stub ? <StubTag /> : null}
        </span>
        <span class="row-derived">{item.derived ? "from a reference" : ""}</span>
        <TypeTag type={other.type} />
      </a>
    </li>
  )
}
