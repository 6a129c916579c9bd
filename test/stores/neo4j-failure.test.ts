import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { Neo4jError } from "neo4j-driver"
import { describe, expect, it, onTestFinished } from "vitest"
import { driverOf } from "../../stores/adapters/neo4j/connection.ts"
import { failureOf, isConflict } from "../../stores/adapters/neo4j/failure.ts"

const said = (code: string) => new Neo4jError("said so", code, "50N42", "general", undefined)

describe("what Neo4j says", () => {
  it.each([
    ["Neo.TransientError.Transaction.DeadlockDetected", true],
    ["Neo.ClientError.Transaction.Terminated", true],
    ["Neo.ClientError.Transaction.LockClientStopped", true],
    ["Neo.TransientError.General.MemoryPoolOutOfMemoryError", false],
    ["Neo.ClientError.Statement.SyntaxError", false],
  ])("%s is tried again at once: %s", (code, isTriedAgain) => {
    expect(isConflict(said(code))).toBe(isTriedAgain)
  })

  it("is no failure of the store where a new owner has ended the transaction", () => {
    expect(failureOf(said("Neo.ClientError.Transaction.Terminated")).tag).toBe("Unavailable")
    expect(failureOf(said("Neo.ClientError.Statement.SyntaxError")).tag).toBe("StoreFailed")
  })

  it("is no failure of the store where the connection ends while it logs on", async () => {
    // Agrees to Bolt 5.8, and ends when it is told who comes.
    const server = createServer((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from([0, 0, 8, 5]))
        socket.once("data", () => socket.end())
      })
      socket.on("error", () => {})
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const failure = await failureToConnect(port)
    expect(failure.message).toContain("Connection was closed by server")
    expect(failure.tag).toBe("Unavailable")
  })

  it("is told without the client's advice where nobody listens", async () => {
    expect(await failureToConnect(1)).toEqual({
      tag: "Unavailable",
      message: "The graph store cannot answer now: connect ECONNREFUSED 127.0.0.1:1.",
    })
  })
})

async function failureToConnect(port: number) {
  const url = `bolt://127.0.0.1:${port}`
  const driver = driverOf({ url, user: "user", password: "secret", database: "db", store: "s" })
  onTestFinished(() => driver.close())
  return failureOf(await driver.verifyConnectivity().catch((cause) => cause))
}
