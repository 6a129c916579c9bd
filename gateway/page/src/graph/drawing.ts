/**
 * Draws a mind map with cytoscape. Loaded only when a graph is shown; it paints on a canvas and
 * sets styles from script, so the page's policy need not allow inline styles.
 */
import type { Core, ElementDefinition, NodeSingular } from "cytoscape"
import cytoscape from "cytoscape"
import { compact, nameOf, plainName } from "../format.ts"
import { drawingStyle } from "./drawing-style.ts"
import type { MindMap, PlacedEdge, PlacedNode } from "./mind-map.ts"
import { coloursOf } from "./page-colours.ts"

export interface DrawnGraph {
  readonly draw: (map: MindMap, moves: boolean) => void
  /** Colours are read anew from the page's style. */
  readonly restyle: () => void
  /** Moves the view to an entity and what leads outwards from it. */
  readonly reveal: (id: string, moves: boolean) => void
  readonly select: (id: string | undefined) => void
  /** The nearest node in a direction, seen from the selected one or from the middle. */
  readonly step: (from: string | undefined, x: number, y: number) => string | undefined
  readonly zoom: (factor: number) => void
  readonly fit: () => void
  readonly end: () => void
}

interface Given {
  readonly container: HTMLElement
  readonly slotOf: (type: string) => number
  readonly onTap: (node: PlacedNode) => void
  readonly onOpen: (node: PlacedNode) => void
}

const zoomMin = 0.15
const zoomMax = 2.5
/** Labels stay readable at first: what does not fit at this size is reached by moving. */
const firstZoomMin = 0.72
const firstZoomMax = 1.15

export function drawGraph({ container, slotOf, onTap, onOpen }: Given): DrawnGraph {
  const colour = coloursOf(container)
  const colourOf = (type: string) => colour(`c${slotOf(type)}`)
  const core = cytoscape({
    container,
    minZoom: zoomMin,
    maxZoom: zoomMax,
    autoungrabify: true,
    boxSelectionEnabled: false,
    selectionType: "single",
    style: drawingStyle(container, colour),
  })
  let nodes: ReadonlyMap<string, PlacedNode> = new Map()
  let edges: readonly PlacedEdge[] = []
  const told = (tell: (node: PlacedNode) => void) => (event: { target: NodeSingular }) => {
    const node = nodes.get(event.target.id())
    if (node !== undefined) tell(node)
  }
  core.on("tap", "node", told(onTap))
  core.on("dbltap", "node.entity", told(onOpen))
  const ignore = listen(core, container)
  return {
    draw: (map, moves) => {
      const isFirst = nodes.size === 0
      nodes = new Map(map.nodes.map((node) => [node.id, node]))
      edges = map.edges
      redraw(core, map, colourOf, moves && !isFirst)
      if (isFirst) showFirst(core)
    },
    restyle: () => {
      core.style(drawingStyle(container, colour))
      core.nodes("[type]").forEach((node) => {
        node.data("colour", colourOf(node.data("type")))
      })
    },
    reveal: (id, moves) => {
      const ids = outwardsFrom(id, edges)
      reveal(
        core,
        [...nodes.values()].filter((node) => ids.has(node.id)),
        moves,
      )
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
    fit: () => core.fit(undefined, roomAround),
    end: () => {
      ignore()
      core.destroy()
    },
  }
}

/** The pointer's shape, the focus, and the size; until what it returns is called. */
function listen(core: Core, container: HTMLElement): () => void {
  core.on("mouseover", "node", () => container.classList.add("points"))
  core.on("mouseout", "node", () => container.classList.remove("points"))
  // Cytoscape takes the focus away when it is pressed, and keys would go elsewhere.
  const takeFocus = () => container.focus({ preventScroll: true })
  container.addEventListener("pointerup", takeFocus)
  const resized = new ResizeObserver(() => core.resize())
  resized.observe(container)
  return () => {
    resized.disconnect()
    container.removeEventListener("pointerup", takeFocus)
  }
}

function redraw(
  core: Core,
  map: MindMap,
  colourOf: (type: string) => string,
  moves: boolean,
): void {
  const wanted = new Set([...map.nodes, ...map.edges].map(({ id }) => id))
  const heights = new Map(map.nodes.map(({ id, y }) => [id, y]))
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
      const shown = edgeElement(edge, heights)
      const known = core.getElementById(edge.id)
      if (known.empty()) core.add(shown)
      else known.classes(shown.classes ?? "")
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
  const { type, memberType, members, isPart } = node.group
  const lines = [plainName(type), `${compact(members.length)}${isPart ? "+" : ""} ${memberType}`]
  const label = lines.map((line) => shortened(line, groupLabelMax)).join("\n")
  const data = { id: node.id, label, type: memberType, colour: colourOf(memberType) }
  return { group: "nodes", data, position, classes: `group${node.isOpen ? "" : " closed"}` }
}

/** Characters of a line in a group, so that groups keep their column. */
const groupLabelMax = 20

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`

/** A turn of a few pixels looks like a fault: such lines are drawn straight. */
const flatHeightMax = 4

function edgeElement(
  { id, inner, outer, arrow, isStem, isBack }: PlacedEdge,
  heights: ReadonlyMap<string, number>,
): ElementDefinition {
  const rise = Math.abs((heights.get(inner) ?? 0) - (heights.get(outer) ?? 0))
  const bend = rise <= flatHeightMax ? " flat" : isStem ? " stem" : ""
  const shape = isBack ? " back" : bend
  return {
    group: "edges",
    data: { id, source: inner, target: outer },
    classes: `${arrow}${shape}`,
  }
}

/** All of it where that is readable, else from its middle, or from its inner edge. */
function showFirst(core: Core): void {
  const { x1, x2, y1, y2, w, h } = core.elements().boundingBox()
  const room = { x: core.width() - 2 * roomAround, y: core.height() - 2 * roomAround }
  const fitting = Math.min(room.x / w, room.y / h)
  const zoom = Math.min(firstZoomMax, Math.max(firstZoomMin, fitting))
  const pan = {
    x: firstPan(zoom, core.width(), x1, x2),
    y: firstPan(zoom, core.height(), y1, y2),
  }
  core.viewport({ zoom, pan })
}

const roomAround = 20
/** One side is taken for empty where it reaches so little from the middle. */
const emptySideMax = 90

/** The middle of the drawing is 0. */
function firstPan(zoom: number, size: number, from: number, to: number): number {
  if (zoom * (to - from) <= size - 2 * roomAround) return size / 2 - (zoom * (from + to)) / 2
  if (to < emptySideMax) return size - roomAround - zoom * to
  if (-from < emptySideMax) return roomAround - zoom * from
  return size / 2
}

/** An entity with what was opened at it. */
function outwardsFrom(id: string, edges: readonly PlacedEdge[]): ReadonlySet<string> {
  const ids = new Set([id])
  for (const inner of ids) {
    for (const edge of edges) if (edge.inner === inner && !edge.isBack) ids.add(edge.outer)
  }
  return ids
}

const labelWidth = 170
const revealZoomMin = 0.55

/** By where things will stand, for they may still be on their way. */
function reveal(core: Core, nodes: readonly PlacedNode[], moves: boolean): void {
  if (nodes.length < 2) return
  const xs = nodes.map(({ x, side }) => x + (side === "left" ? -labelWidth : labelWidth))
  const ys = nodes.map(({ y }) => y)
  const [left, right] = [Math.min(...xs, nodes[0]?.x ?? 0), Math.max(...xs, nodes[0]?.x ?? 0)]
  const [top, bottom] = [Math.min(...ys) - rowsAround, Math.max(...ys) + rowsAround]
  const fitting = Math.min(core.width() / (right - left), core.height() / (bottom - top))
  const zoom = Math.min(core.zoom(), Math.max(revealZoomMin, fitting))
  const pan = {
    x: core.width() / 2 - (zoom * (left + right)) / 2,
    y: core.height() / 2 - (zoom * (top + bottom)) / 2,
  }
  if (moves) core.animate({ zoom, pan }, { duration: 220, easing: "ease-out" })
  else core.viewport({ zoom, pan })
}

const rowsAround = 30

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
