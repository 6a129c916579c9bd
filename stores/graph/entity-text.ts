/**
 * Entities that hold their properties as the text that is stored. Whoever shows them as JSON sends
 * that text; it is parsed when somebody looks at a property, and then once.
 */
import { invariant } from "../../protocols/errors.ts"
import type { Alias, Properties } from "../../protocols/graph.ts"
import type { VisibleEntity } from "./port.ts"

/**
 * What a store holds of an entity, its type aside; properties are a flat object, canonical. The
 * last two are left out where nobody looks at them.
 */
export type StoredRow = readonly [
  key: string,
  asserted: number,
  properties: string,
  aliases?: string,
  revision?: number,
]

export interface ParseTexts {
  readonly properties: (text: string) => Properties
  readonly aliases: (text: string) => readonly Alias[]
}

/** A class, since its members that parse cost nothing to make; a copy by spreading lacks them. */
export class StoredEntity implements VisibleEntity {
  readonly type: string
  readonly key: string
  readonly stub: boolean
  readonly revision: number
  readonly #row: StoredRow
  readonly #parse: ParseTexts
  #properties: Properties | undefined
  #aliases: readonly Alias[] | undefined

  constructor(type: string, row: StoredRow, parse: ParseTexts) {
    this.type = type
    this.key = row[0]
    this.stub = row[1] === 0
    this.revision = row[4] ?? 0
    this.#row = row
    this.#parse = parse
  }

  get properties(): Properties {
    this.#properties ??= this.#parse.properties(this.#row[2])
    return this.#properties
  }

  get aliases(): readonly Alias[] {
    this.#aliases ??= this.#parse.aliases(this.#row[3] ?? "[]")
    return this.#aliases
  }

  get propertiesText(): string {
    return this.#row[2]
  }
}

/** Canonical JSON of the entity's properties; `undefined` where the entity was made elsewhere. */
export const propertiesTextOf = (entity: VisibleEntity): string | undefined =>
  entity instanceof StoredEntity ? entity.propertiesText : undefined

/**
 * JSON text of one property, `null` where the entity has none of that name; `undefined` where the
 * text is not there. The name has letters only.
 */
export function propertyTextOf(entity: VisibleEntity, name: string): string | undefined {
  const text = propertiesTextOf(entity)
  if (text === undefined) return undefined
  // In canonical JSON a quote within a string is escaped, so these characters begin a member.
  const member = `"${name}":`
  const at = text.startsWith(member, 1) ? 1 : text.indexOf(`,${member}`) + 1
  return at === 0 ? "null" : valueAt(text, at + member.length)
}

function valueAt(text: string, from: number): string {
  const to = text[from] === '"' ? endOfString(text, from) : endOfOther(text, from)
  return text.slice(from, to)
}

function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === "\\") escapes++
    if (escapes % 2 === 0) return end + 1
  }
  invariant(false, "A text in stored properties ends.")
}

/** Of a number, a boolean or a list, as far as its beginning tells what it is. */
function endOfOther(text: string, from: number): number {
  const end = text.indexOf(",", from)
  return end < 0 ? text.length - 1 : end
}
