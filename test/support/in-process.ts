/** Runs a command in this process: what it says and how it ends, a second sooner than outside. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { readCommand } from "../../cli/arguments.ts"
import { failureOf } from "../../cli/failure.ts"
import type { Ended } from "./child.ts"
import { runExit } from "./run.ts"

export interface Command {
  readonly ended: Promise<Ended>
  readonly out: () => string
  readonly err: () => string
  readonly interrupt: () => void
}

export function begin(folder: string, ...words: readonly string[]): Command {
  let [out, err] = ["", ""]
  const interrupted = Deferred.makeUnsafe<void>()
  const end = async (): Promise<Ended> => {
    const command = readCommand(words)
    if (command.kind !== "run") throw new Error(`${words.join(" ")}: ${command.kind}`)
    const verb = await command.verb.load()
    const exit = await runExit(
      Effect.scoped(
        verb.run(command.given, {
          out: (text) => {
            out += text.endsWith("\n") ? text : `${text}\n`
          },
          taken: Effect.void,
          tell: (line) => {
            err += `${line}\n`
          },
          draw: () => undefined,
          leave: () => undefined,
          isTerminal: false,
          size: () => ({ columns: 80, rows: 24 }),
          env: {},
          folder,
          interrupted: Deferred.await(interrupted),
        }),
      ),
    )
    if (exit._tag === "Success") return { code: exit.value, out, err }
    const { exitCode, text } = failureOf(Cause.squash(exit.cause))
    err += `${text}\n`
    return { code: exitCode, out, err }
  }
  return {
    ended: end(),
    out: () => out,
    err: () => err,
    interrupt: () => Deferred.doneUnsafe(interrupted, Effect.void),
  }
}

export const command = (folder: string, ...words: readonly string[]): Promise<Ended> =>
  begin(folder, ...words).ended
