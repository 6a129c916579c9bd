/** How statements leave for Neo4j. */
import { Neo4jError } from "neo4j-driver"
import { expect, it } from "vitest"
import { neo4jRowsPerStatement } from "../../protocols/limits.ts"
import { Cypher } from "../../stores/adapters/neo4j/connection.ts"

type Run = ConstructorParameters<typeof Cypher>[0]["run"]
type Sent = readonly [text: string, parameters: Record<string, unknown>]

it("has rows in bounded batches, each in a map: one plan serves all lengths", async () => {
  const sent: Sent[] = []
  const answer = { records: [] } as unknown as Awaited<ReturnType<Run>>
  const cypher = new Cypher({
    run: (text, parameters = {}) => {
      sent.push([text, parameters])
      return Promise.resolve(answer)
    },
  })
  await cypher.each("RETURN r", Array.from({ length: neo4jRowsPerStatement + 1 }, String))
  cypher.send("RETURN r", [])
  await cypher.answered()
  expect(new Set(sent.map(([text]) => text))).toEqual(
    new Set(["CYPHER replan=skip UNWIND $batch.rows AS r RETURN r"]),
  )
  const lengths = sent.map(([, parameters]) => {
    expect(Object.values(parameters).some(Array.isArray)).toBe(false)
    return (parameters.batch as { readonly rows: readonly unknown[] }).rows.length
  })
  expect(lengths).toEqual([neo4jRowsPerStatement, 1])
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
