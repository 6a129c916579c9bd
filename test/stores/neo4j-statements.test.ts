/** How statements leave for Neo4j. */
import { int, Neo4jError } from "neo4j-driver"
import { expect, it } from "vitest"
import { neo4jRowsPerStatement } from "../../protocols/limits.ts"
import { Cypher, Outbox } from "../../stores/adapters/neo4j/connection.ts"
import { PackedRows } from "../../stores/adapters/neo4j/packed-rows.ts"
import { readPacked } from "../support/read-packed.ts"

type Run = ConstructorParameters<typeof Cypher>[0]["run"]
type Sent = readonly [text: string, parameters: Record<string, unknown>]

function recording() {
  const sent: Sent[] = []
  const answer = { records: [] } as unknown as Awaited<ReturnType<Run>>
  const cypher = new Cypher({
    run: (text, parameters = {}) => {
      sent.push([text, asRead(parameters)])
      return Promise.resolve(answer)
    },
  })
  return { sent, cypher }
}

/** With packed rows as what the server reads, while it may. */
const asRead = (parameters: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const { rows } = (value ?? {}) as { readonly rows?: unknown }
      return [name, rows instanceof PackedRows ? { rows: readPacked(rows) } : value]
    }),
  )

const rowsIn = ({ batch }: Record<string, unknown>) =>
  (batch as { readonly rows: readonly unknown[] }).rows

it("has rows in bounded batches, each in a map: one plan serves all lengths", async () => {
  const { sent, cypher } = recording()
  await cypher.each("RETURN r", Array.from({ length: neo4jRowsPerStatement + 1 }, String))
  cypher.send("RETURN r", [])
  await cypher.answered()
  expect(new Set(sent.map(([text]) => text))).toEqual(
    new Set(["CYPHER replan=skip UNWIND $batch.rows AS r RETURN r"]),
  )
  const lengths = sent.map(([, parameters]) => {
    expect(Object.values(parameters).some(Array.isArray)).toBe(false)
    return rowsIn(parameters).length
  })
  expect(lengths).toEqual([neo4jRowsPerStatement, 1])
})

it("leaves as it would have been sent, where it was put together before", async () => {
  const [early, late] = [recording(), recording()]
  const outbox = new Outbox()
  for (const out of [outbox, late.cypher]) {
    out.send("RETURN r", [1, "text"], { store: "s", number: 2 ** 40 })
    out.send("RETURN r[0]", [[2 ** 40, null, ["a"]]], { number: 3 })
    out.post("RETURN $rows", { rows: { rows: [null, 5] } })
  }
  expect(early.sent).toEqual([])
  early.cypher.postAll(outbox)
  await early.cypher.answered()
  expect(early.sent).toEqual(late.sent)
  const [first = {}, second = {}] = early.sent.map(([, parameters]) => parameters)
  expect([first.number, second.number]).toEqual([int(2 ** 40), int(3)])
  expect(rowsIn(first)).toEqual([int(1), "text"])
  expect(rowsIn(second)).toEqual([[int(2 ** 40), null, ["a"]]])
})

it("releases rows that the server has read, and none that it may not have", async () => {
  const answer = { records: [] } as unknown as Awaited<ReturnType<Run>>
  const answers = [Promise.resolve(answer), Promise.reject(new Error("over"))]
  const asked: Record<string, unknown>[] = []
  const cypher = new Cypher({
    run: (_, parameters = {}) => {
      asked.push(parameters)
      return answers.shift() ?? Promise.resolve(answer)
    },
  })
  await cypher.each("RETURN r", ["a"], { name: "s", none: null, number: 3 })
  await expect(cypher.each("RETURN r", ["b"])).rejects.toThrow("over")
  const [first = {}, second = {}] = asked
  expect(() => asRead(first)).toThrow("released are not sent")
  expect(rowsIn(asRead(second))).toEqual(["b"])
})

it("tells why a transaction failed, also where it hears first that all is over", async () => {
  const failed = (code: string) => new Neo4jError("said so", code, "50N42", "general", undefined)
  const [over, ended] = [failed("N/A"), failed("Neo.ClientError.Transaction.Terminated")]
  const late = Promise.withResolvers<never>()
  const answers = [late.promise, Promise.reject(over)]
  const cypher = new Cypher({ run: () => answers.shift() ?? Promise.reject(over) })
  const first = cypher.rows("RETURN 1")
  const reason = cypher.rows("RETURN 2").catch((cause: unknown) => cypher.reason(cause))
  setImmediate(() => late.reject(ended))
  await expect(first).rejects.toBe(ended)
  expect(await reason).toBe(ended)
})
