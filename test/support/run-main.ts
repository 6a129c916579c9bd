/** Runs the program of a child process of a test or bench: errors in one line, exit code 1. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { runExit } from "./run.ts"

export const runMain = <E>(program: Effect.Effect<void, E, Scope.Scope>): void => {
  void runExit(Effect.scoped(program)).then((exit) => {
    if (exit._tag === "Success") return
    process.stderr.write(`${String(exit.cause)}\n`)
    process.exitCode = 1
  })
}
