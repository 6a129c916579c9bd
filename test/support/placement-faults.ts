/** Random faults for the placement model; each ends by itself or with `heal`. */
import type { PlacementModel } from "./placement-model.ts"
import type { ModelNode } from "./placement-node.ts"

type Fault = (model: PlacementModel, node: ModelNode) => void

const longest = 12_000

/** After a time; only while that process still runs. */
function later(model: PlacementModel, node: ModelNode, task: () => void): void {
  model.clock.after(model.clock.between(100, longest), () => {
    if (node.isRunning) task()
  })
}

const faults: Readonly<Record<string, Fault>> = {
  pause: (model, node) => {
    node.pause()
    later(model, node, () => node.resume())
  },
  stumble: (model, node) => {
    node.pause()
    model.clock.after(model.clock.between(1, 2_500), () => node.resume())
  },
  kill: (model, node) => {
    node.kill()
    model.clock.after(model.clock.between(100, longest), () => model.start(node.name))
  },
  join: (model) => {
    if (model.running.length < 6) model.start(`late-${model.nodes.length}`, 1)
  },
  cut: (model, node) => {
    node.line.requestsArrive = false
    node.line.answersArrive = false
    later(model, node, () => model.mend(node))
  },
  "lose answers": (model, node) => {
    node.line.answersArrive = false
    later(model, node, () => model.mend(node))
  },
  "lose requests": (model, node) => {
    node.line.requestsArrive = false
    later(model, node, () => model.mend(node))
  },
  slow: (model, node) => {
    node.line.delayMillisMax = model.clock.between(100, 6_000)
    later(model, node, () => model.mend(node))
  },
  rewatch: (_, node) => node.rewatch(),
  "cannot open": (model, node) => {
    node.cannotOpen = true
    later(model, node, () => {
      node.cannotOpen = false
    })
  },
  "sinks down": (model) => {
    model.servers.sinksAreDown = true
    model.clock.after(model.clock.between(100, 8_000), () => {
      model.servers.sinksAreDown = false
    })
  },
  "register away": (model) => {
    model.servers.registerIsAway = true
    model.clock.after(model.clock.between(1_000, 10_000), () => {
      model.servers.registerIsAway = false
    })
  },
  cordon: (model, node) => {
    model.order(node, "cordon")
    later(model, node, () => model.order(node, "serve"))
  },
  drain: (model, node) => model.order(node, "drain"),
}

export const faultNames: readonly string[] = Object.keys(faults)

/** One fault at one of the nodes; its name. */
export function strike(model: PlacementModel): string {
  const name = model.clock.pick(faultNames) ?? ""
  const node = model.clock.pick(model.running)
  if (node !== undefined) faults[name]?.(model, node)
  return name
}

/** So many faults, one after the other or at the same time; then all of them end. */
export function storm(model: PlacementModel, count: number): readonly string[] {
  const struck: string[] = []
  for (let i = 0; i < count; i++) {
    model.run(model.clock.between(0, 4_000))
    struck.push(strike(model))
    if (model.running.length < 2) model.start(`spare-${i}`)
  }
  return struck
}
