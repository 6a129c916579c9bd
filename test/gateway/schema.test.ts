import { readFileSync } from "node:fs"
import { join } from "node:path"
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  validateSchema,
} from "graphql"
import { describe, expect, it } from "vitest"
import { schemaSdl } from "../../protocols/graphql.ts"

const published = join(import.meta.dirname, "../../protocols/schema.graphql")

describe("the GraphQL schema", () => {
  it("is published as the edge serves it (after a change, write schemaSdl to the file)", () => {
    expect(readFileSync(published, "utf8")).toBe(`${schemaSdl}\n`)
  })

  it("is valid and says of every type, field, argument and value what it is", () => {
    const schema = buildSchema(schemaSdl)
    expect(validateSchema(schema)).toEqual([])
    const silent: string[] = []
    const look = (name: string, described: { readonly description?: string | null | undefined }) =>
      (described.description ?? "").endsWith(".") ? 0 : silent.push(name)
    for (const type of Object.values(schema.getTypeMap())) {
      if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue
      look(type.name, type)
      if (isEnumType(type)) for (const value of type.getValues()) look(value.name, value)
      if (!isObjectType(type) && !isInputObjectType(type)) continue
      for (const field of Object.values(type.getFields())) {
        look(`${type.name}.${field.name}`, field)
        if (!("args" in field)) continue
        for (const argument of field.args)
          look(`${type.name}.${field.name}(${argument.name})`, argument)
      }
    }
    expect(silent).toEqual([])
  })
})
