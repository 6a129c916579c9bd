/** What the processes of the fan-out bench say to each other. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { nodeFlags } from "../../bin/pinned-node.mjs"

/** To a server: make so many changes, in blocks, a pause after each. */
export interface Publish {
  readonly changes: number
  readonly perBlock: number
  readonly pauseMillis: number
  /** Characters of each entity's name beside the time in it. */
  readonly textLength: number
}

/** From a server, when all are committed. */
export interface Published {
  readonly millis: number
  /** When each block's commit was known to the node, of the machine's clock. */
  readonly committedMillis: readonly number[]
}

/** To a server: how many bytes do your buffers hold, garbage aside? */
export interface Weigh {
  readonly weigh: true
}

/** To the listeners: forget what was heard, and answer after so many messages. */
export interface Hear {
  readonly messages: number
}

/** To the listeners: how long after these times, by the number of a change, was it heard? */
export interface Judge {
  readonly committedMillis: readonly number[]
}

export interface Judged {
  readonly p50Millis: number
  readonly p95Millis: number
}

export const subscription =
  "subscription { entityChanged { kind key revision resume entity { name } } }"

/** An entity's name: the number of its block since the command, and something to carry. */
export const nameOf = (block: number, length: number): string =>
  `${String(block).padStart(numberLength, "0")} ${"x".repeat(length)}`

export const numberLength = 6

/** Of the clock that all processes of the machine share. */
export const nowMillis = (): number => performance.timeOrigin + performance.now()

export class Child {
  readonly #process: ChildProcess

  constructor(file: URL, ...args: readonly string[]) {
    this.#process = fork(fileURLToPath(file), args, { execArgv: [...nodeFlags] })
  }

  /** The next thing that it says. */
  says<A>(): Promise<A> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("a process of the bench ended early"))
      this.#process.once("exit", ended)
      this.#process.once("message", (said) => {
        this.#process.off("exit", ended)
        resolve(said as A)
      })
    })
  }

  ask<A>(what: Publish | Weigh | Hear | Judge): Promise<A> {
    const said = this.says<A>()
    this.#process.send(what)
    return said
  }

  end(): void {
    this.#process.removeAllListeners("exit")
    this.#process.kill()
  }
}

/** In a child: answers each thing that is asked. */
export function answerParent<A>(answer: (asked: A) => Promise<unknown>): void {
  process.on("message", (asked) => void answer(asked as A).then((said) => process.send?.(said)))
  process.on("disconnect", () => process.exit())
}

/** In a server: says where it listens, publishes and weighs. */
export function servePublisher(port: number, publish: (asked: Publish) => Promise<Published>) {
  answerParent<Publish | Weigh>((asked) => ("weigh" in asked ? weigh() : publish(asked)))
  process.send?.(port)
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

async function weigh(): Promise<number> {
  // Others read what is on its way to them; one that reads nothing leaves it.
  await pause(500)
  collect()
  return process.memoryUsage().arrayBuffers
}

/** Publishes blocks one after the other; `commit` makes the block of that number known. */
export async function publishBlocks(
  { changes, perBlock, pauseMillis }: Publish,
  commit: (block: number) => Promise<unknown> | undefined,
): Promise<Published> {
  const committedMillis: number[] = []
  const beganMillis = performance.now()
  for (let made = 0; made < changes; made += perBlock) {
    await commit(committedMillis.length)
    committedMillis.push(nowMillis())
    await pause(pauseMillis)
  }
  return { millis: performance.now() - beganMillis, committedMillis }
}

export const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => (millis > 0 ? setTimeout(resolve, millis) : setImmediate(resolve)))
