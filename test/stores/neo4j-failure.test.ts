import { Neo4jError } from "neo4j-driver"
import { describe, expect, it } from "vitest"
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
})
