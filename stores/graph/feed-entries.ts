/**
 * The changes of one row as text: a JSON list of five numbers for each run of changes that go on
 * alike – how many they are, by how much the node and the revision of each are higher than those of
 * the one before, type and kind, partition. A block of new entities is one run.
 */
import { invariant } from "../../protocols/errors.ts"
import type { EntityChange } from "./port.ts"

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
const width = 5

export class EntriesText {
  readonly #numbers: number[] = []
  #node = 0
  #revision = 0

  add(node: number, revision: number, type: number, kind: Kind, partition: number): void {
    const numbers = this.#numbers
    const nodeStep = node - this.#node
    const revisionStep = revision - this.#revision
    const what = type * kinds.length + kinds.indexOf(kind)
    this.#node = node
    this.#revision = revision
    const run = numbers.length - width
    if (
      run >= 0 &&
      numbers[run + 1] === nodeStep &&
      numbers[run + 2] === revisionStep &&
      numbers[run + 3] === what &&
      numbers[run + 4] === partition
    ) {
      numbers[run] = (numbers[run] ?? 0) + 1
    } else numbers.push(1, nodeStep, revisionStep, what, partition)
  }

  /** Of the last entry that was added. */
  get revision(): number {
    return this.#revision
  }

  text(): string {
    return JSON.stringify(this.#numbers)
  }
}

/** What was added to an `EntriesText`. */
export function* entriesOf(text: string): Generator<Entry, void> {
  const numbers = JSON.parse(text) as number[]
  let [node, revision] = [0, 0]
  for (let at = 0; at < numbers.length; at += width) {
    const [count = 0, nodeStep = 0, revisionStep = 0, what = 0, partition = 0] = numbers.slice(
      at,
      at + width,
    )
    const kind = kinds[what % kinds.length]
    invariant(kind !== undefined, "A change is of a known kind.")
    const type = Math.floor(what / kinds.length)
    for (let i = 0; i < count; i++) {
      node += nodeStep
      revision += revisionStep
      yield { node, revision, type, kind, partition }
    }
  }
}
