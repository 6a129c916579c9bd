/** Reads `intelgraph.yaml`; loaded only where there is one. */
import { dirname } from "node:path"
import { isToken } from "../protocols/address.ts"
import { type ConfigurationDocument, ConfigurationSchema } from "../protocols/configuration.ts"
import { Invalid } from "../protocols/errors.ts"
import { type ReadDocument, readYamlDocument } from "../protocols/yaml-document.ts"
import { documentText } from "./document-text.ts"
import { scheduleProblem } from "./schedules.ts"

export interface ConfigurationFile {
  readonly path: string
  readonly folder: string
  readonly document: ConfigurationDocument
}

/** Throws `Invalid`, with the file, line and column where the document is wrong. */
export function readConfiguration(path: string): ConfigurationFile {
  const next = "Name another with --config."
  const text = documentText({ path, what: "configuration", next })
  try {
    return { path, folder: dirname(path), document: documentOf(text) }
  } catch (thrown) {
    if (!(thrown instanceof Invalid)) throw thrown
    throw new Invalid({ ...thrown, message: `${path}: ${thrown.message}`, next: "Correct it." })
  }
}

function documentOf(text: string): ConfigurationDocument {
  const read = readYamlDocument(ConfigurationSchema, "configuration", text)
  checkNames(read)
  checkSchedules(read)
  return read.value
}

/** What a schema cannot say: names of tenants, and that sources of a tenant differ in name. */
function checkNames({ value, refuse }: ReadDocument<ConfigurationDocument>): void {
  if (value.tenant !== undefined && !isToken(value.tenant)) {
    throw refuse(["tenant"], "A tenant's name is 1 to 63 of a-z, 0-9 and -, no - first.")
  }
  for (const [tenant, { sources = [] }] of Object.entries(value.tenants ?? {})) {
    if (!isToken(tenant)) {
      throw refuse(["tenants", tenant], "A tenant's name is 1 to 63 of a-z, 0-9 and -, no - first.")
    }
    const seen = new Set<string>()
    for (const [index, { name }] of sources.entries()) {
      if (seen.has(name)) {
        const path = ["tenants", tenant, "sources", index, "name"]
        throw refuse(path, `The tenant ${tenant} has two sources ${JSON.stringify(name)}.`)
      }
      seen.add(name)
    }
  }
}

/** That the times exist: they are read again where they are used. */
function checkSchedules({ value, refuse }: ReadDocument<ConfigurationDocument>): void {
  for (const [tenant, { sources = [] }] of Object.entries(value.tenants ?? {})) {
    for (const [index, source] of sources.entries()) {
      const problem = scheduleProblem(source, Date.now())
      if (problem === undefined) continue
      const [key, message] = problem
      throw refuse(["tenants", tenant, "sources", index, key], message)
    }
  }
}
