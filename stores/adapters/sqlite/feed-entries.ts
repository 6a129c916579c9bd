/**
 * The changes of one row as text: a JSON list of four numbers each – how much higher its node and
 * its revision are than those of the one before, its type and kind, its partition. Eight characters
 * for an entity that is new.
 */
import { invariant } from "../../../protocols/errors.ts"
import type { EntityChange } from "../../graph/port.ts"

type Kind = EntityChange["kind"]

export interface Entry {
  readonly node: number
  readonly revision: number
  /** Number of the entity's type. */
  readonly type: number
  readonly kind: Kind
  readonly partition: number
}

const kinds: readonly Kind[] = ["created", "updated", "removed"]
const width = 4

export function textOfEntries(entries: readonly Entry[]): string {
  const numbers: number[] = []
  let [lastNode, lastRevision] = [0, 0]
  for (const { node, revision, type, kind, partition } of entries) {
    const what = type * kinds.length + kinds.indexOf(kind)
    numbers.push(node - lastNode, revision - lastRevision, what, partition)
    lastNode = node
    lastRevision = revision
  }
  return JSON.stringify(numbers)
}

/** What `textOfEntries` made. */
export function* entriesOf(text: string): Generator<Entry, void> {
  const numbers = JSON.parse(text) as number[]
  let [node, revision] = [0, 0]
  for (let at = 0; at < numbers.length; at += width) {
    const [nodeStep = 0, revisionStep = 0, what = 0, partition = 0] = numbers.slice(at, at + width)
    const kind = kinds[what % kinds.length]
    invariant(kind !== undefined, "A change is of a known kind.")
    node += nodeStep
    revision += revisionStep
    yield { node, revision, type: Math.floor(what / kinds.length), kind, partition }
  }
}
