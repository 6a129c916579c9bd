/**
 * The manifest of trusted documents, in the form that Apollo's and other clients' tools write:
 * `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{id, body, …}]}`.
 * Read once, when the node starts; a document in it that the schema does not know is refused then.
 */
import { readFileSync, statSync } from "node:fs"
import { Invalid } from "../protocols/errors.ts"
import { manifestBytesMax, manifestDocumentsMax } from "../protocols/limits.ts"
import { Documents } from "./document.ts"
import { servedSchema } from "./schema.ts"

/** Documents by their ids. Throws `Invalid`, with the file's name and what is wrong in it. */
export function readManifest(path: string): ReadonlyMap<string, string> {
  const listed = operationsOf(path, jsonOf(path))
  if (listed.length > manifestDocumentsMax) {
    throw refused(path, `lists ${listed.length} documents; at most ${manifestDocumentsMax}`)
  }
  const known = new Documents(servedSchema())
  const documents = new Map<string, string>()
  for (const [at, operation] of listed.entries()) {
    const { id, body } = operation
    if (typeof id !== "string" || id === "" || typeof body !== "string") {
      throw refused(path, `has no id and body in operations[${at}]`)
    }
    if (documents.has(id)) throw refused(path, `lists ${JSON.stringify(id)} twice`)
    const prepared = known.prepare(body)
    if ("refused" in prepared) {
      const [first] = prepared.refused
      throw refused(path, `has a wrong document under ${JSON.stringify(id)}: ${first?.message}`)
    }
    documents.set(id, body)
  }
  return documents
}

function jsonOf(path: string): unknown {
  try {
    if (statSync(path).size > manifestBytesMax) {
      throw refused(path, `has more than ${manifestBytesMax} bytes`)
    }
    return JSON.parse(readFileSync(path, "utf8"))
  } catch (error) {
    if (error instanceof Invalid) throw error
    throw refused(path, error instanceof SyntaxError ? "is no JSON" : "cannot be read")
  }
}

type Listed = { readonly [name: string]: unknown }

function operationsOf(path: string, manifest: unknown): readonly Listed[] {
  const given = isRecord(manifest) ? manifest : {}
  const { format, version, operations } = given
  const isKnown = format === "apollo-persisted-query-manifest" && version === 1
  if (isKnown && Array.isArray(operations) && operations.every(isRecord)) return operations
  throw refused(path, "is no apollo-persisted-query-manifest of version 1")
}

const isRecord = (value: unknown): value is Listed =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const refused = (path: string, why: string) =>
  new Invalid({
    what: "persistedQueries",
    message: `The manifest ${path} ${why}.`,
    next: "Correct it, or name another as gateway.persistedQueries.manifest.",
  })
