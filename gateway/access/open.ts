/** The access of a node with a data directory, for as long as the scope. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreFailed } from "../../protocols/errors.ts"
import { AccessControl, type ControlOptions } from "./control.ts"
import { openAccessStore } from "./sqlite-store.ts"

/** `path`: the `meta.db` of a data directory whose lock this process has. */
export const openAccessControl = (
  path: string,
  options: Omit<ControlOptions, "store">,
): Effect.Effect<AccessControl, StoreFailed, Scope.Scope> =>
  Effect.flatMap(openAccessStore(path), (store) =>
    Effect.acquireRelease(
      Effect.sync(() => new AccessControl({ store, ...options })),
      (control) => Effect.sync(() => control.close()),
    ),
  )
