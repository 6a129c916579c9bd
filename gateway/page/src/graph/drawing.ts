/**
 * Draws a mind map with cytoscape. Loaded only when a graph is shown; it paints on a canvas and
 * sets styles from script, so the page's policy need not allow inline styles.
 */
import type { Core, ElementDefinition, NodeSingular, StylesheetJson } from "cytoscape"
import cytoscape from "cytoscape"
import { compact, nameOf, plainName } from "../format.ts"
import type { MindMap, PlacedEdge, PlacedNode } from "./mind-map.ts"

export interface DrawnGraph {
  readonly draw: (map: MindMap, moves: boolean) => void
  /** Colours are read anew from the page's style. */
  readonly restyle: () => void
  readonly select: (id: string | undefined) => void
  /** The nearest node in a direction, seen from the selected one or from the middle. */
  readonly step: (from: string | undefined, x: number, y: number) => string | undefined
  readonly zoom: (factor: number) => void
  readonly fit: () => void
  readonly end: () => void
}

interface Given {
  readonly container: HTMLElement
  readonly colourOf: (type: string) => string
  readonly onTap: (node: PlacedNode) => void
  readonly onOpen: (node: PlacedNode) => void
}

const zoomMin = 0.15
const zoomMax = 2.5
/** Labels stay readable at first: what does not fit at this size is reached by moving. */
const firstZoomMin = 0.72
const firstZoomMax = 1.15

export function drawGraph({ container, colourOf, onTap, onOpen }: Given): DrawnGraph {
  const core = cytoscape({
    container,
    minZoom: zoomMin,
    maxZoom: zoomMax,
    autoungrabify: true,
    boxSelectionEnabled: false,
    selectionType: "single",
    style: styleOf(container),
  })
  let nodes: ReadonlyMap<string, PlacedNode> = new Map()
  const told = (tell: (node: PlacedNode) => void) => (event: { target: NodeSingular }) => {
    const node = nodes.get(event.target.id())
    if (node !== undefined) tell(node)
  }
  core.on("tap", "node", told(onTap))
  core.on("dbltap", "node", told(onOpen))
  core.on("mouseover", "node", () => container.classList.add("points"))
  core.on("mouseout", "node", () => container.classList.remove("points"))
  const resized = new ResizeObserver(() => core.resize())
  resized.observe(container)
  return {
    draw: (map, moves) => {
      const isFirst = nodes.size === 0
      nodes = new Map(map.nodes.map((node) => [node.id, node]))
      redraw(core, map, colourOf, moves && !isFirst)
      if (isFirst) showFirst(core)
    },
    restyle: () => {
      core.style(styleOf(container))
      core.nodes("[type]").forEach((node) => void node.data("colour", colourOf(node.data("type"))))
    },
    select: (id) => {
      core.nodes(":selected").unselect()
      if (id === undefined) return
      const node = core.getElementById(id)
      node.select()
      if (node.nonempty()) keepInSight(core, node as NodeSingular)
    },
    step: (from, x, y) => nearest([...nodes.values()], from, x, y),
    zoom: (factor) =>
      core.zoom({
        level: core.zoom() * factor,
        renderedPosition: { x: core.width() / 2, y: core.height() / 2 },
      }),
    fit: () => core.fit(undefined, 24),
    end: () => {
      resized.disconnect()
      core.destroy()
    },
  }
}

function redraw(
  core: Core,
  map: MindMap,
  colourOf: (type: string) => string,
  moves: boolean,
): void {
  const wanted = new Set([...map.nodes, ...map.edges].map(({ id }) => id))
  core.batch(() => {
    core
      .elements()
      .filter((element) => !wanted.has(element.id()))
      .remove()
    for (const node of map.nodes) {
      const shown = nodeElement(node, colourOf)
      const known = core.getElementById(node.id)
      if (known.empty()) core.add(shown)
      else {
        known.data(shown.data)
        known.classes(shown.classes ?? "")
        if (!moves) known.position({ x: node.x, y: node.y })
      }
    }
    for (const edge of map.edges) {
      if (core.getElementById(edge.id).empty()) core.add(edgeElement(edge))
    }
  })
  if (!moves) return
  for (const { id, x, y } of map.nodes) {
    core.getElementById(id).animate({ position: { x, y } }, { duration: 180, easing: "ease-out" })
  }
}

function nodeElement(node: PlacedNode, colourOf: (type: string) => string): ElementDefinition {
  const position = { x: node.x, y: node.y }
  if (node.kind === "entity") {
    const { entity, id } = node
    const label = shortened(nameOf(entity), node.side === "middle" ? 40 : 26)
    const classes = `entity ${node.side}${entity.stub ? " stub" : ""}`
    const data = { id, label, type: entity.type, colour: colourOf(entity.type) }
    return { group: "nodes", data, position, classes }
  }
  if (node.kind === "more") {
    const data = { id: node.id, label: `+ ${compact(node.hidden)} more` }
    return { group: "nodes", data, position, classes: `more ${node.side}` }
  }
  const { type, members } = node.group
  const name = shortened(plainName(type), 20)
  const label = `${name} ${compact(members.length)}`
  const data = { id: node.id, label, width: 14 + label.length * 6.1 }
  return { group: "nodes", data, position, classes: `group${node.isOpen ? "" : " closed"}` }
}

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`

const edgeElement = ({ id, inner, outer, arrow, isBack }: PlacedEdge): ElementDefinition => ({
  group: "edges",
  data: { id, source: inner, target: outer },
  classes: `${arrow}${isBack ? " back" : ""}`,
})

function showFirst(core: Core): void {
  core.fit(undefined, 24)
  const fitting = core.zoom()
  const wanted = Math.min(firstZoomMax, Math.max(firstZoomMin, fitting))
  if (wanted === fitting) return
  core.zoom(wanted)
  core.center(fitting < wanted ? core.nodes(".middle") : undefined)
}

function keepInSight(core: Core, node: NodeSingular): void {
  const { x, y } = node.renderedPosition()
  const edge = 48
  const dx = x < edge ? edge - x : x > core.width() - edge ? core.width() - edge - x : 0
  const dy = y < edge ? edge - y : y > core.height() - edge ? core.height() - edge - y : 0
  if (dx !== 0 || dy !== 0) core.panBy({ x: dx, y: dy })
}

/** Sideways distance counts double, so that arrow keys follow rows and columns. */
function nearest(
  nodes: readonly PlacedNode[],
  from: string | undefined,
  x: number,
  y: number,
): string | undefined {
  const start = nodes.find(({ id }) => id === from)
  if (start === undefined) return nodes[0]?.id
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const node of nodes) {
    const along = (node.x - start.x) * x + (node.y - start.y) * y
    const aside = Math.abs((node.x - start.x) * y) + Math.abs((node.y - start.y) * x)
    const distance = along + 2 * aside
    if (along <= 0.5 || distance >= bestDistance) continue
    best = node.id
    bestDistance = distance
  }
  return best
}

function styleOf(container: HTMLElement): StylesheetJson {
  const page = getComputedStyle(container)
  const colour = (name: string) => page.getPropertyValue(`--${name}`).trim()
  const font = page.fontFamily
  const text = { "font-family": font, "font-size": 12, color: colour("text") }
  const halo = { "text-background-color": colour("surface"), "text-background-opacity": 0.85 }
  return [
    {
      selector: "node.entity",
      style: {
        ...text,
        ...halo,
        width: 13,
        height: 13,
        label: "data(label)",
        "background-color": "data(colour)",
        "text-valign": "center",
        "text-background-padding": "1",
      },
    },
    { selector: "node.right", style: { "text-halign": "right", "text-margin-x": 5 } },
    { selector: "node.left", style: { "text-halign": "left", "text-margin-x": -5 } },
    {
      selector: "node.middle",
      style: {
        width: 36,
        height: 36,
        "font-size": 14,
        "font-weight": "bold",
        "text-valign": "bottom",
        "text-margin-y": 6,
        "text-wrap": "wrap",
        "text-max-width": "150",
        "z-index": 10,
      },
    },
    {
      selector: "node.stub",
      style: {
        "background-color": colour("surface"),
        "border-width": 2,
        "border-style": "dashed",
        "border-color": "data(colour)",
      },
    },
    {
      selector: "node.group",
      style: {
        ...text,
        "font-size": 11,
        color: colour("muted"),
        width: "data(width)",
        height: 20,
        shape: "round-rectangle",
        label: "data(label)",
        "text-valign": "center",
        "background-color": colour("raised"),
        "border-width": 1,
        "border-color": colour("line"),
      },
    },
    { selector: "node.closed", style: { "border-style": "dashed", color: colour("accent") } },
    {
      selector: "node.more",
      style: {
        ...text,
        width: 5,
        height: 5,
        color: colour("accent"),
        label: "data(label)",
        "text-valign": "center",
        "background-color": colour("accent"),
      },
    },
    {
      selector: "node:selected",
      style: {
        "overlay-color": colour("accent"),
        "overlay-opacity": 0.18,
        "overlay-padding": 5,
      },
    },
    ...edgeStyles(colour),
  ]
}

const edgeStyles = (colour: (name: string) => string): StylesheetJson => [
  {
    selector: "edge",
    style: {
      width: 1.2,
      "line-color": colour("edge"),
      "curve-style": "round-taxi",
      "taxi-direction": "horizontal",
      "taxi-turn": "50%",
      "arrow-scale": 0.75,
    },
  },
  {
    selector: "edge.outer",
    style: { "target-arrow-shape": "triangle", "target-arrow-color": colour("edge") },
  },
  {
    selector: "edge.inner",
    style: { "source-arrow-shape": "triangle", "source-arrow-color": colour("edge") },
  },
  {
    selector: "edge.back",
    style: { "curve-style": "bezier", "line-style": "dashed", "line-opacity": 0.7 },
  },
]
