/** Resources of a test that are given back when it has finished. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { onTestFinished } from "vitest"
import { closeScope, openScope, run } from "./run.ts"

/** Runs with a scope that closes when the test has finished. */
export const runScoped = async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => {
  const scope = openScope()
  onTestFinished(() => closeScope(scope))
  return run(Scope.provide(effect, scope))
}

/** A folder that is there for one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-test-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
