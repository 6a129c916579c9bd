/**
 * The mapping document: how a record's fields become entities and relationships (contracts §5). It
 * is data; nothing in it is code. `docs/mapping.md` explains it, `docs/schemas/mapping.schema.json`
 * is made from the schema here.
 *
 * A *text* is a path (`$.a.b[0]`, `$.list[*].id`, `$["odd name"]`), a template (`{$.a}/{$.b}`), or,
 * where it holds neither, the text itself.
 */
import * as Schema from "effect/Schema"
import { csvColumnsMax, nameBytesMax, propertiesMax } from "./limits.ts"
import { publishedSchema } from "./published-schema.ts"

const listed = Schema.isMaxLength(propertiesMax)
const text = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(4 * nameBytesMax))
const described = (description: string) => text.annotate({ description })

const Path = described("A path from the record's root, such as $.a.b[0] or $.list[*].id")
const Text = described("A path ($.id), a template ({$.vendor}/{$.product}) or a literal text")

/** What a value is turned into; a value that cannot be sets the record aside. */
export const Coercion = Schema.Literals(["string", "number", "boolean", "date"]).annotate({
  description: "What the value is turned into; a record where that fails is set aside",
})

const Property = Schema.Union([
  Text,
  Schema.Struct({ path: Path, as: Schema.optionalKey(Coercion) }),
]).annotate({ description: "A text, or a path with a coercion" })

const Properties = Schema.Record(Schema.String, Property)
const Optional = Schema.Boolean.annotate({
  description: "true: where a key is missing this is left out, instead of the record set aside",
})

const Entity = Schema.Struct({
  type: Text,
  key: Text,
  name: Schema.optionalKey(Property),
  aliases: Schema.optionalKey(
    Schema.Record(Schema.String, Text).annotate({
      description: "Scheme to value: other identities by which relationships may find the entity",
    }),
  ),
  properties: Schema.optionalKey(Properties),
  optional: Schema.optionalKey(Optional),
})

const EndByKey = Schema.Struct({ type: Text, key: Text })
const EndByAlias = Schema.Struct({
  type: Text,
  alias: described("The alias's scheme"),
  value: Text,
})
const End = Schema.Union([EndByKey, EndByAlias])

const Relationship = Schema.Struct({
  type: Text,
  discriminator: Schema.optionalKey(
    described("Tells apart relationships of one type between the same two entities"),
  ),
  from: End,
  to: End,
  properties: Schema.optionalKey(Properties),
  optional: Schema.optionalKey(Optional),
})

const Csv = Schema.Struct({
  header: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "The first row names the columns (default)" }),
  ),
  columns: Schema.optionalKey(
    Schema.Array(Schema.String)
      .check(Schema.isMaxLength(csvColumnsMax))
      .annotate({ description: "Names of the columns, instead of those of the header" }),
  ),
  delimiter: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[\t !#-~]$/)).annotate({
      description: "One ASCII character; default a comma",
    }),
  ),
  null: Schema.optionalKey(
    Schema.Array(Schema.String)
      .check(Schema.isMaxLength(nameBytesMax))
      .annotate({ description: "Cells that stand for no value; default the empty one" }),
  ),
})

const RecordIdentity = Schema.Struct({
  key: Schema.optionalKey(
    described("A text, or the word ordinal where equal records are different events"),
  ),
  version: Schema.optionalKey(
    described("Path of a date by which a newer version of a record is told from an older one"),
  ),
})

export const MappingSchema = Schema.Struct({
  version: Schema.Literal(1),
  records: Schema.optionalKey(
    described("Path to the array of records of a JSON document, such as $.items[*]"),
  ),
  csv: Schema.optionalKey(Csv),
  record: Schema.optionalKey(RecordIdentity),
  entities: Schema.optionalKey(Schema.Array(Entity).check(listed)),
  relationships: Schema.optionalKey(Schema.Array(Relationship).check(listed)),
}).annotate({
  title: "IntelGraph mapping",
  description: "How the records of a source become entities and relationships",
})

export type Mapping = typeof MappingSchema.Type
export type MappedEntity = typeof Entity.Type
export type MappedRelationship = typeof Relationship.Type
export type MappedEnd = typeof End.Type
export type MappedProperty = typeof Property.Type
export type CsvSettings = typeof Csv.Type
export type CoercionName = typeof Coercion.Type

/** The published JSON Schema of a mapping document (draft 2020-12). */
export const mappingJsonSchema = (): { readonly [name: string]: unknown } =>
  publishedSchema(MappingSchema)
