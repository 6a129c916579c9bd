/** A server in a process of its own, which says how much processor time it has used. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { nodeFlags } from "../../bin/pinned-node.mjs"
import type { Listening } from "./contestant-child.ts"

export interface Contestant extends Listening {
  readonly name: string
  /** Microseconds of processor time, of all its threads, since it began. */
  readonly cpuMicros: () => Promise<number>
  /** Tells it something; answers when it is understood. */
  readonly tell: (said: unknown) => Promise<void>
  readonly stop: () => void
}

/** Begins the process and waits until it listens. */
export async function startContestant(
  name: string,
  file: URL,
  args: readonly string[] = [],
): Promise<Contestant> {
  const child = fork(fileURLToPath(file), args, {
    execArgv: [...nodeFlags],
    env: { ...process.env, NODE_ENV: "production" },
    serialization: "advanced",
  })
  const listening = (await answerOf(child, undefined)) as Listening
  return {
    name,
    ...listening,
    cpuMicros: async () => (await answerOf(child, { ask: "cpu" })) as number,
    tell: async (said) => void (await answerOf(child, { said })),
    stop: () => void child.kill(),
  }
}

function answerOf(child: ChildProcess, question: { readonly [name: string]: unknown } | undefined) {
  return new Promise<unknown>((resolve, reject) => {
    const ended = () => reject(new Error("a server of the bench ended"))
    child.once("exit", ended)
    child.once("message", (answer) => {
      child.off("exit", ended)
      resolve(answer)
    })
    if (question !== undefined) child.send(question)
  })
}
