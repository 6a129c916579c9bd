import { describe, expect, it } from "vitest"
import { failureOf } from "../../cli/failure.ts"
import { catalogue, type ErrorCode } from "../../protocols/errors.ts"
import { errorOfPlain } from "../../protocols/travelling-error.ts"

const codes = Object.keys(catalogue).filter((code) => code !== "InvariantBroken") as ErrorCode[]

describe("a command that fails", () => {
  it.each(codes)("says %s as one line with the next step, and no stack", (code) => {
    const { text, exitCode } = failureOf(errorOfPlain({ _tag: code, message: "It is so" }))
    expect(text).toBe(`intelgraph: It is so. ${catalogue[code].next}`)
    expect(exitCode).toBe(catalogue[code].exitCode)
  })

  it("shows a stack only for what should not be possible", () => {
    for (const surprise of [new TypeError("x is no function"), "text", undefined]) {
      const { text, exitCode } = failureOf(surprise)
      expect(text).toMatch(/^intelgraph: This should not happen\. /)
      expect(exitCode).toBe(1)
    }
    expect(failureOf(new TypeError("x")).text).toContain("failure.test.ts")
  })
})
