/** Resolvers of writes and of their receipts. */
import * as Effect from "effect/Effect"
import type { WriteReceipt, WritesShape } from "../../actors/index.ts"
import { unauthenticated } from "../access/admission.ts"
import { run } from "../bridge.ts"
import type { QueryContext } from "../context.ts"
import { type Resolvers, resolver } from "../resolver.ts"
import { audited } from "./audited.ts"
import { checkCount, checkedWait, checkedWrite, checkKey, nobodyWrites, untold } from "./request.ts"
import { shownReceipt } from "./show.ts"

interface WriteArguments {
  readonly source: string
  readonly idempotencyKey: string
  readonly waitMillis: number
}

interface IngestArguments extends WriteArguments {
  readonly records: readonly unknown[]
  readonly format: "JSON" | "STIX"
  readonly mapping?: string | null
}

interface RetractArguments extends WriteArguments {
  readonly recordKeys: readonly string[]
}

/** Each record is a line: STIX objects one a line, and JSON values as NDJSON. */
const formats = { JSON: "ndjson", STIX: "stix" } as const

const ingest = resolver((_: unknown, given: IngestArguments, context) => {
  checkCount("records", given.records.length)
  return write(context, given, {
    format: formats[given.format],
    mapping: given.mapping ?? undefined,
    lines: given.records,
  })
})

const retract = resolver((_: unknown, given: RetractArguments, context) => {
  checkCount("recordKeys", given.recordKeys.length)
  return write(context, given, { format: "retract", mapping: undefined, lines: given.recordKeys })
})

async function write(
  context: QueryContext,
  { source, idempotencyKey, waitMillis }: WriteArguments,
  what: {
    readonly format: "ndjson" | "stix" | "retract"
    readonly mapping: string | undefined
    readonly lines: readonly unknown[]
  },
) {
  const { format, mapping, lines } = what
  const { tenant } = context
  const given = lines.length
  const request = checkedWrite({ tenant, source, format, mapping, idempotencyKey, given })
  const wait = Math.min(checkedWait(waitMillis), context.waitMillisLeft)
  const writes = writesOf(context)
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), "utf8")
  const taken = Effect.scoped(
    Effect.gen(function* () {
      const arriving = yield* writes.receive(tenant)
      yield* arriving.append(bytes)
      yield* writes.take(request, arriving)
    }),
  )
  const { access, sources } = context
  // A mutation waits between its fields, and its token may end meanwhile.
  if (sources.isOver?.(access)) throw unauthenticated()
  const action = format === "retract" ? ("retract" as const) : ("ingest" as const)
  await audited(sources.audit, { access, action, what: source }, () => run(taken))
  const told = await run(writes.receipt(tenant, idempotencyKey, wait))
  if (told === undefined) throw untold()
  return shownReceipt(told)
}

const receipt = resolver((_: unknown, given: { readonly idempotencyKey: string }, context) => {
  const key = checkKey(given.idempotencyKey)
  return context.read(Effect.map(writesOf(context).receipt(context.tenant, key, 0), shown))
})

const shown = (told: WriteReceipt | undefined) => (told === undefined ? null : shownReceipt(told))

function writesOf({ sources: { writes } }: QueryContext): WritesShape {
  if (writes === undefined) throw nobodyWrites()
  return writes
}

export const writeResolvers: Resolvers = {
  "Mutation.ingest": ingest,
  "Mutation.retract": retract,
  "Query.receipt": receipt,
}
