/** The entry of the `intelgraph` command: words in, one verb run, an exit code out. */
import { once } from "node:events"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readCommand } from "./arguments.ts"
import { failureOf } from "./failure.ts"
import { helpOf, helpOfAll, usageOf } from "./help.ts"
import type { Io } from "./io.ts"
import { Screen } from "./screen.ts"
import { exit, type Given, type Verb } from "./verb.ts"
import { version } from "./version.ts"

// What a command makes is its owner's, also where somebody copies it out of its folder.
process.umask(0o077)
process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  const command = readCommand(argv)
  switch (command.kind) {
    case "version":
      process.stdout.write(`${version()}\n`)
      return exit.done
    case "help":
      process.stdout.write(command.verb ? helpOf(command.verb) : helpOfAll(command.group))
      return exit.done
    case "usage": {
      const { verb } = command
      const next = verb ? `usage: ${usageOf(verb)}` : "See `npx --no intelgraph help`."
      process.stderr.write(`intelgraph: ${command.message} ${next}\n`)
      return exit.usage
    }
    case "run":
      return runVerb(command.verb, command.given)
  }
}

async function runVerb(verb: Verb, given: Given): Promise<number> {
  const interrupted = Deferred.makeUnsafe<void>()
  let signals = 0
  const onSignal = () => {
    signals += 1
    if (signals > 1) process.exit(exit.interrupted)
    Deferred.doneUnsafe(interrupted, Effect.void)
  }
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on("error", () => process.exit(exit.done))
  const { run } = await verb.load()
  const ended = await Effect.runPromiseExit(
    Effect.scoped(run(given, ioOf(Deferred.await(interrupted)))),
  )
  if (Exit.isSuccess(ended)) return flushed(ended.value)
  const { exitCode, text } = failureOf(Cause.squash(ended.cause))
  process.stderr.write(`${text}\n`)
  return flushed(exitCode)
}

/** A pipe takes what it can; the process may end only when it has taken all. */
async function flushed(exitCode: number): Promise<number> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, "drain")
  return exitCode
}

function ioOf(interrupted: Effect.Effect<void>): Io {
  const screen = new Screen((text) => void process.stderr.write(text))
  return {
    out: (text) => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`),
    taken: Effect.callback((resume) => {
      const done = () => resume(Effect.void)
      if (process.stdout.writableNeedDrain) process.stdout.once("drain", done)
      else setImmediate(done)
    }),
    tell: (line) => screen.tell(line),
    draw: (lines) => screen.draw(lines),
    leave: () => screen.leave(),
    isTerminal: process.stderr.isTTY === true,
    // Some terminals say 0 where they do not know.
    size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
    env: process.env,
    folder: process.cwd(),
    interrupted,
  }
}
