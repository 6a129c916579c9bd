/**
 * One graph in two stores: one that is asked, and one beside it that gets the same blocks
 * (contracts §7), such as tables for whoever asks by SQL.
 *
 * Promises: each has its own guard and its own cursors, so each block takes effect once in each,
 * whoever died between them; a block is committed only when both have it. The asked one comes
 * last: what it counts and tells is in both. What may fail beneath: either store. Then the call
 * fails, the caller repeats it, and the one that has a block answers `already-applied`. While one
 * is away the other is ahead by no more than the blocks that are under way. Does not promise that
 * both have the same numbers inside: revisions, places of the feed and names of dead letters are
 * each store's own.
 */
import * as Effect from "effect/Effect"
import { invariant, StoreFailed } from "../../protocols/errors.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import type { Cursor, GraphSinkShape, GraphStore, PreparedBlock } from "./port.ts"

/** A block as each of the two takes it. */
interface PreparedForBoth extends PreparedBlock {
  readonly beside: PreparedBlock
}

/** The graph as it is asked, with a sink that writes to the other as well. */
export const withBeside = <G extends Pick<GraphStore, "sink">>(
  graph: G,
  beside: GraphSinkShape,
): G => ({ ...graph, sink: sinkToBoth(graph.sink, beside) })

function sinkToBoth(asked: GraphSinkShape, beside: GraphSinkShape): GraphSinkShape {
  const prepare = (block: BlockEffects): PreparedForBoth => {
    const prepared = asked.prepare(block)
    // Stores that prepare alike share the bytes.
    const same = asked.prepare === beside.prepare
    const other = same ? prepared : beside.prepare(block)
    const release = () => {
      prepared.release()
      other.release()
    }
    return { ...prepared, release, beside: other }
  }
  return {
    each: [asked, beside],
    guard: (logId, guards) =>
      Effect.andThen(asked.guard(logId, guards), beside.guard(logId, guards)),
    cursors: (tenant) =>
      Effect.zipWith(asked.cursors(tenant), beside.cursors(tenant), lowestOfBoth),
    configureSource: (tenant, source, settings) =>
      Effect.andThen(
        beside.configureSource(tenant, source, settings),
        asked.configureSource(tenant, source, settings),
      ),
    prepare,
    commit: (given) =>
      Effect.gen(function* () {
        const blocks = given.map((block) => (isForBoth(block) ? block : preparedHere(block)))
        const first = yield* beside.commit(blocks.map((block) => block.beside))
        // Where one store refuses this owner, the other is not asked to take the block from it.
        const passed = blocks.filter((_, i) => first[i]?.kind !== "fenced")
        const answers = yield* asked.commit(passed)
        invariant(answers.length === passed.length, "A store answers for each block.")
        const next = answers.values()
        return first.map((outcome) =>
          outcome.kind === "fenced" ? outcome : (next.next().value ?? outcome),
        )
      }),
    settleDeadLetters: (tenant, changes) =>
      Effect.andThen(
        beside.settleDeadLetters(tenant, changes),
        asked.settleDeadLetters(tenant, changes),
      ),
    backup: () => Effect.fail(new StoreFailed({ store: "graph", message: notCopied })),
  }

  function preparedHere(block: BlockEffects | PreparedBlock): PreparedForBoth {
    invariant(!("bytes" in block), "A block is prepared by the sink that commits it.")
    return prepare(block)
  }
}

const notCopied = "Two stores are not copied as one: copy each by its own tools."

const isForBoth = (block: BlockEffects | PreparedBlock): block is PreparedForBoth =>
  "beside" in block

/** What both have. */
function lowestOfBoth(ofAsked: readonly Cursor[], ofBeside: readonly Cursor[]): readonly Cursor[] {
  const others = new Map(ofBeside.map((cursor) => [nameOf(cursor), cursor]))
  return ofAsked.flatMap((cursor) => {
    const other = others.get(nameOf(cursor))
    if (other === undefined) return []
    return other.sequence < cursor.sequence ? [other] : [cursor]
  })
}

const nameOf = ({ tenant, partition }: Cursor): string => `${tenant}/${partition}`
