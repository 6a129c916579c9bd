/** `intelgraph query`: opens the graph for reading and answers one GraphQL document. */
import * as Effect from "effect/Effect"
import { executeQuery, knownResumeKey } from "../../gateway/index.ts"
import { codeOfEdgeCode, Invalid } from "../../protocols/errors.ts"
import { argumentBytesMax } from "../../protocols/limits.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import { failureOf } from "../failure.ts"
import { openViewOf } from "../open-ports.ts"
import { noSuchTenant } from "../tenants.ts"
import { exit, type Given, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const [document = ""] = given.words
    if (Buffer.byteLength(document, "utf8") > argumentBytesMax) {
      const message = `A query has at most ${argumentBytesMax} bytes.`
      return yield* new Invalid({ what: "query", message })
    }
    const variables = yield* variablesOf(given)
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const { reads, feed } = yield* openViewOf(settings, directory)
    const resumeKey = knownResumeKey(directory)
    const live = resumeKey === undefined ? undefined : { feed, resumeKey }
    const request = { tenant: settings.tenant.value, document, variables }
    // Nobody but the directory's owner runs this: what the edge would hide is told.
    const answer = yield* executeQuery({ reads, live }, request, (_errorId, error) =>
      io.tell(failureOf(error).text),
    )
    io.out(isOn(given, "json") ? JSON.stringify(answer) : JSON.stringify(answer, undefined, 2))
    if (answer.errors === undefined) {
      const unknown = noSuchTenant(request.tenant, yield* reads.tenants)
      if (unknown !== undefined) io.tell(`intelgraph: ${unknown}`)
      return exit.done
    }
    for (const { message, extensions } of answer.errors) {
      if (extensions?.errorId === undefined) io.tell(`intelgraph: ${message}`)
    }
    const code = answer.errors[0]?.extensions?.code
    if (codeOfEdgeCode(code) === "LimitExceeded") return exit.refused
    return answer.data === undefined ? exit.usage : exit.failed
  })

function variablesOf(given: Given): Effect.Effect<{ readonly [name: string]: unknown }, Invalid> {
  const text = textFlag(given, "variables") ?? "{}"
  const refused = (why: string) =>
    Effect.fail(new Invalid({ what: "variables", message: `--variables ${why}.` }))
  if (Buffer.byteLength(text, "utf8") > argumentBytesMax) {
    return refused(`has at most ${argumentBytesMax} bytes`)
  }
  return Effect.suspend(() => {
    try {
      const value: unknown = JSON.parse(text)
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
      if (!isObject) return refused('is a JSON object, such as \'{"key": "value"}\'')
      return Effect.succeed(value as { readonly [name: string]: unknown })
    } catch {
      return refused("is no JSON")
    }
  })
}
