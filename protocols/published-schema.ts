/** How a schema of this house becomes a JSON Schema that is published. */
import * as Schema from "effect/Schema"

/** A schema as people's editors and other programs read it; unknown keys are refused. */
export function publishedSchema(schema: Schema.Constraint): { readonly [name: string]: unknown } {
  const { schema: root, definitions } = Schema.toJsonSchemaDocument(schema, {
    onExcessProperty: "error",
  })
  const $defs = Object.keys(definitions).length > 0 ? { $defs: definitions } : {}
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...root, ...$defs }
}
