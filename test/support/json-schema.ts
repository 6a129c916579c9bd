/**
 * Says where a value is not what a JSON schema of draft 7 asks for, as far as the schemas of this
 * repository's tests go. A keyword that it does not know is refused rather than passed over.
 */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

type Rule = (of: Json, value: Json, at: Place) => readonly string[]

interface Place {
  readonly path: string
  /** The schema that holds the keyword, and the one that holds all. */
  readonly schema: JsonObject
  readonly root: JsonObject
}

/** Each as `path: what is wrong`; none where the value fits. */
export const problemsOf = (root: JsonObject, value: Json): readonly string[] =>
  check(root, value, { path: "", schema: root, root })

function check(schema: Json, value: Json, at: Place): readonly string[] {
  if (schema === true) return []
  if (schema === false) return [`${at.path}: is not allowed`]
  const object = objectOf(schema)
  return Object.entries(object).flatMap(([keyword, of]) => {
    const rule = rules[keyword]
    if (rule === undefined) throw new Error(`The keyword ${keyword} is not known here.`)
    return rule(of, value, { ...at, schema: object })
  })
}

const nothing: Rule = () => []

const wrong = ({ path }: Place, isWrong: boolean, what: string): readonly string[] =>
  isWrong ? [`${path || "/"}: ${what}`] : []

const rules: { readonly [keyword: string]: Rule } = {
  $schema: nothing,
  $id: nothing,
  title: nothing,
  description: nothing,
  deprecated: nothing,
  default: nothing,
  definitions: nothing,
  format: nothing,
  $ref: (of, value, at) => check(referred(at.root, String(of)), value, at),
  type: (of, value, at) => {
    const types = Array.isArray(of) ? of : [of]
    const found = typeOf(value)
    const fits = types.includes(found) || (found === "integer" && types.includes("number"))
    return wrong(at, !fits, `is ${found}, not ${types.join(" or ")}`)
  },
  enum: (of, value, at) =>
    wrong(
      at,
      !listOf(of).includes(value),
      `is ${JSON.stringify(value)}, not ${JSON.stringify(of)}`,
    ),
  pattern: (of, value, at) =>
    wrong(
      at,
      typeof value === "string" && !new RegExp(String(of), "u").test(value),
      `does not fit ${of}`,
    ),
  minimum: (of, value, at) =>
    wrong(at, typeof value === "number" && value < Number(of), `is less than ${of}`),
  maximum: (of, value, at) =>
    wrong(at, typeof value === "number" && value > Number(of), `is more than ${of}`),
  uniqueItems: (of, value, at) => {
    if (of !== true || !Array.isArray(value)) return []
    const different = new Set(value.map((item) => JSON.stringify(item)))
    return wrong(at, different.size < value.length, "holds something twice")
  },
  items: (of, value, at) =>
    Array.isArray(value)
      ? value.flatMap((item: Json, n) => check(of, item, { ...at, path: `${at.path}/${n}` }))
      : [],
  required: (of, value, at) =>
    isObject(value)
      ? listOf(of).flatMap((name) =>
          wrong(at, !Object.hasOwn(value, String(name)), `lacks ${name}`),
        )
      : [],
  properties: (of, value, at) => membersOf(value, at, (name) => objectOf(of)[name]),
  patternProperties: (of, value, at) =>
    Object.entries(objectOf(of)).flatMap(([pattern, schema]) =>
      membersOf(value, at, (name) => (new RegExp(pattern, "u").test(name) ? schema : undefined)),
    ),
  additionalProperties: (of, value, at) => {
    const { properties = {}, patternProperties = {} } = at.schema
    const patterns = Object.keys(objectOf(patternProperties)).map((one) => new RegExp(one, "u"))
    const isNamed = (name: string) =>
      Object.hasOwn(objectOf(properties), name) || patterns.some((pattern) => pattern.test(name))
    return membersOf(value, at, (name) => (isNamed(name) ? undefined : of))
  },
  oneOf: (of, value, at) => {
    const tries = listOf(of).map((schema) => check(schema, value, at))
    const fitting = tries.filter((problems) => problems.length === 0).length
    return wrong(at, fitting !== 1, `fits ${fitting} of ${tries.length} ways: ${tries.flat()[0]}`)
  },
}

function membersOf(
  value: Json,
  at: Place,
  schemaOf: (name: string) => Json | undefined,
): readonly string[] {
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const schema = schemaOf(name)
    return schema === undefined ? [] : check(schema, member, { ...at, path: `${at.path}/${name}` })
  })
}

function referred(root: JsonObject, reference: string): Json {
  const [head, ...names] = reference.split("/")
  if (head !== "#") throw new Error(`${reference} is not of this schema.`)
  return names.reduce<Json>((found, name) => objectOf(found)[name] ?? false, root)
}

function typeOf(value: Json): string {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  return Number.isInteger(value) ? "integer" : typeof value
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const objectOf = (value: Json | undefined): JsonObject =>
  value !== undefined && isObject(value) ? value : {}

const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? value : [])
