/** A dead letter's bytes in a person's editor, before they are sent again. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type IntelGraphError, Invalid, NotFound } from "../protocols/errors.ts"
import { openDataDirectoryReadOnly } from "../runtime/index.ts"
import type { Settings } from "./configuration.ts"
import type { Io } from "./io.ts"
import type { PlainLetters } from "./letters-request.ts"
import { openViewOf } from "./open-ports.ts"

/** The request with the file that the editor left; it is there until the command ends. */
export const editedLetter = (
  settings: Settings,
  plain: PlainLetters,
  io: Pick<Io, "env">,
): Effect.Effect<PlainLetters, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const { EDITOR: editor } = io.env
    if (editor === undefined || editor === "") {
      return yield* refuse("EDITOR names no program; use --edit with a file.")
    }
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "intelgraph-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true })),
    )
    const edit = join(folder, "record.txt")
    writeFileSync(edit, yield* bytesOf(settings, plain), { mode: 0o600 })
    const { status, error } = spawnSync(editor, [edit], { stdio: "inherit" })
    if (status !== 0) {
      const why = error === undefined ? `it ended with ${status}` : error.message
      return yield* refuse(`The editor ${editor} left nothing: ${why}.`)
    }
    return { ...plain, edit }
  })

const bytesOf = (settings: Settings, { tenant, selection }: PlainLetters) =>
  Effect.scoped(
    Effect.gen(function* () {
      const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
      const { reads } = yield* openViewOf(settings, directory)
      const [id = ""] = selection.ids
      const { items } = yield* reads.deadLetters(tenant, { id }, { first: 1 })
      const [letter] = items
      if (letter !== undefined) return letter.bytes
      const message = `There is no dead letter ${JSON.stringify(id.slice(0, 80))}.`
      return yield* new NotFound({ what: "dead letter", message })
    }),
  )

const refuse = (message: string) => Effect.fail(new Invalid({ what: "editor", message }))
