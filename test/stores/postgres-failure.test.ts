import { expect, it } from "vitest"
import { failureOf } from "../../stores/adapters/postgres/failure.ts"

it.each([
  ["where nobody answered in time", new Error("Query read timeout"), "Unavailable"],
  ["where the connection ended", new Error("Connection terminated unexpectedly"), "Unavailable"],
  [
    "where the server is full of them",
    Object.assign(new Error(), { code: "53300" }),
    "Unavailable",
  ],
  ["where its disk is full", Object.assign(new Error(), { code: "53100" }), "DiskFull"],
  ["where a statement is wrong", Object.assign(new Error(), { code: "42601" }), "StoreFailed"],
])("tells of Postgres, %s, what is to be done", (_, cause, tag) => {
  expect(failureOf(cause).tag).toBe(tag)
})
