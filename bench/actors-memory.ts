/**
 * Memory of a million virtual actors, measured in a process of its own: each is activated by a
 * message, handles it and holds 64 bytes of state; then all are idle; then all are passive; then
 * 10,000 of them are asked for their state. The resident size is that of the whole process after a
 * collection.
 *
 * `node --expose-gc bench/actors-memory.ts` measures; as a bench it starts that.
 */
import { execFile } from "node:child_process"
import { hash } from "node:crypto"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { nodeFlags } from "../bin/pinned-node.mjs"
import {
  type ActorContext,
  type ActorRef,
  type ActorType,
  type Behavior,
  makeNodeHost,
  makeSystem,
} from "../runtime/index.ts"
import { supervisor } from "../supervisors/index.ts"
import { type Bench, breathe, ceiling, type Figure } from "./measure.ts"

const population = 1_000_000
const asked = 10_000
const burst = 4_096
const collections = 3
const collectionMillis = 500
const megabyte = 1e6

interface Result {
  readonly activeBytes: number
  readonly passiveBytes: number
  readonly activateSeconds: number
  readonly passivateSeconds: number
  readonly answered: number
}

export const actorsMemory: Bench = async () => {
  const self = fileURLToPath(import.meta.url)
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...nodeFlags,
    "--expose-gc",
    self,
  ])
  const result = JSON.parse(stdout) as Result
  if (result.answered !== asked) throw new Error(`${result.answered} of ${asked} answered`)
  const name = "resident memory with 1,000,000 virtual actors"
  return [
    ceiling(`${name}, idle`, result.activeBytes / megabyte, 450, "MB"),
    ceiling(`${name}, passive`, result.passiveBytes / megabyte, 200, "MB"),
    answering(result),
  ]
}

const answering = (result: Result): Figure => ({
  name: "passive actors that answer with their state",
  ours: result.answered,
  peer: asked,
  peerName: "asked",
  ratio: result.answered / asked,
  unit: "",
  goal: 1,
})

type Said = number | "state"

/** The 64 bytes that follow from a number: its SHA-512. */
const stateOf = (told: number): string => hash("sha512", String(told), "latin1")

/** Its state is one byte a character. */
class Holder implements Behavior<Said> {
  private readonly context: ActorContext<Said>
  private state: string

  constructor(context: ActorContext<Said>, snapshot: Uint8Array | undefined) {
    this.context = context
    this.state = snapshot === undefined ? "" : Buffer.from(snapshot).toString("latin1")
  }

  receive(said: Said): void {
    if (said === "state") this.context.reply(this.state)
    else this.state = stateOf(said)
  }

  snapshot(): Uint8Array {
    return Buffer.from(this.state, "latin1")
  }
}

const type: ActorType<Said> = {
  kind: "holder",
  start: (context, _argument, snapshot) => new Holder(context, snapshot),
}

async function measure(): Promise<Result> {
  const alive = setInterval(() => {}, 1_000)
  const system = makeSystem({ host: makeNodeHost(), supervisor })
  const holders = system.virtual(type, { argument: undefined })
  const begin = performance.now()
  for (let n = 0; n < population; n++) {
    const refusal = holders.tell("bench", String(n), n)
    if (refusal !== undefined) throw refusal
    if (n % burst === 0) await breathe()
  }
  await breathe()
  const activated = performance.now()
  check(system.counters().handled === population, "each has handled a message")
  check(holders.activeCount() === population, "all are in memory")
  const activeBytes = await residentBytes()

  const passivating = performance.now()
  let passive = 0
  while (passive < population) {
    passive += holders.passivate(burst)
    await breathe()
  }
  const passivated = performance.now()
  check(holders.activeCount() === 0, "none is in memory")
  const passiveBytes = await residentBytes()

  const answered = await askSome((key, done) => {
    system
      .spawn(asker(key, holders.ref("bench", key), done), { tenant: "bench", key }, undefined)
      .tell("ask")
  })
  check(system.brokenEquations().length === 0, "the equations hold")
  clearInterval(alive)
  return {
    activeBytes,
    passiveBytes,
    activateSeconds: (activated - begin) / 1000,
    passivateSeconds: (passivated - passivating) / 1000,
    answered,
  }
}

function asker(
  key: string,
  holder: ActorRef<Said>,
  done: (right: boolean) => void,
): ActorType<string> {
  return {
    kind: "asker",
    start: (context) => ({
      receive: (said) => {
        if (said !== "ask") done(said === stateOf(Number(key)))
        else {
          context.request<Said, string>(holder, "state", (exit) =>
            exit._tag === "Success" ? exit.value : exit._tag,
          )
        }
      },
    }),
  }
}

async function askSome(ask: (key: string, done: (right: boolean) => void) => void) {
  let [open, right] = [0, 0]
  for (let n = 0; n < asked; n++) {
    open += 1
    ask(String(n * (population / asked)), (answered) => {
      open -= 1
      if (answered) right += 1
    })
    if (n % burst === 0) await breathe()
  }
  while (open > 0) await breathe()
  return right
}

/**
 * After collections that give free pages back to the system, as V8 does by itself when it is
 * idle.
 */
async function residentBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < collections; i++) {
    globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })
    await new Promise((resolve) => setTimeout(resolve, collectionMillis))
    least = Math.min(least, process.memoryUsage.rss())
  }
  return least
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(await measure())}\n`)
}
