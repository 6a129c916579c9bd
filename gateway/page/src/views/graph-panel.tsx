/** The drawn neighbours, with what is chosen in them, by pointer or keyboard. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import {
  pageGraphEntitiesMax,
  pageGraphMoreMax,
  pageGraphRowsMax,
} from "../../../../protocols/limits.ts"
import type { Entity, EntityRef, Neighborhood } from "../answers.ts"
import { ask } from "../client.ts"
import { slotOf, slots } from "../colours.ts"
import { neighborsDocument } from "../documents.ts"
import { count, counted, nameOf, plainName } from "../format.ts"
import type { DrawnGraph } from "../graph/drawing.ts"
import type { Group } from "../graph/groups.ts"
import { firstShown, groupsOf } from "../graph/groups.ts"
import type { MindMap, PlacedNode } from "../graph/mind-map.ts"
import { mindMapOf } from "../graph/mind-map.ts"
import { Icon } from "../parts/icons.tsx"
import { StubTag, TypeTag } from "../parts/parts.tsx"
import { entityHash, hashOf } from "../route.ts"
import { theme } from "../theme.ts"
import { useCell, useMedia } from "../use.ts"

interface GraphPanelProps {
  readonly entity: Entity
  readonly near: Neighborhood
  readonly relation: string
}

/** What was opened and closed by hand. */
interface Opened {
  readonly groups: ReadonlyMap<string, readonly Group[]>
  readonly shown: ReadonlyMap<string, number>
}

const nothing: Opened = { groups: new Map(), shown: new Map() }

export function GraphPanel({ entity, near, relation }: GraphPanelProps) {
  const [opened, setOpened] = useState(nothing)
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const map = useMemo(() => mapOf(entity, near, relation, opened), [entity, near, relation, opened])
  const node = map.nodes.find(({ id }) => id === chosen)
  const act = (given: PlacedNode) => {
    if (given.kind === "entity") {
      expanded.current = given.id
      void toggleEntity(given.entity, opened, setOpened)
    } else setOpened({ ...opened, shown: toggledGroup(given, opened.shown) })
  }
  const open = (given: PlacedNode) => {
    if (given.kind === "entity") window.location.hash = entityHash(given.entity.id)
    else act(given)
  }
  const onTap = (given: PlacedNode) => {
    setChosen(given.id)
    if (given.kind !== "entity") act(given)
  }
  const { host, drawn, expanded } = useDrawing({ map, chosen: node?.id, onTap, onOpen: open })
  const onKeyDown = (event: KeyboardEvent) => {
    const graph = drawn.current
    if (graph !== undefined && hasActed(event.key, { graph, node, open, act, setChosen })) {
      event.preventDefault()
    }
  }
  return (
    <div class="graph-pane">
      <div
        class="graph"
        ref={host}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move within the drawing.
        tabIndex={0}
        role="application"
        aria-label={`Neighbours of ${nameOf(entity)}. ${help}`}
        onKeyDown={onKeyDown}
      />
      <p class="unseen" role="status">
        {node === undefined ? "" : spoken(node)}
      </p>
      <GraphTools drawn={() => drawn.current} />
      {map.leftOut > 0 ? (
        <p class="graph-note">{count(map.leftOut)} more find no room; the list has them.</p>
      ) : null}
      {node?.kind === "entity" && node.depth > 0 ? (
        <Chosen
          entity={node.entity}
          focus={entity}
          isOpen={opened.groups.has(node.id)}
          onToggle={() => act(node)}
          onClose={() => setChosen(undefined)}
        />
      ) : (
        <p class="graph-hint">Choose an entity to open or expand it.</p>
      )}
    </div>
  )
}

interface Keys {
  readonly graph: DrawnGraph
  readonly node: PlacedNode | undefined
  readonly open: (node: PlacedNode) => void
  readonly act: (node: PlacedNode) => void
  readonly setChosen: (id: string | undefined) => void
}

/** False for keys that mean nothing here. */
function hasActed(key: string, { graph, node, open, act, setChosen }: Keys): boolean {
  const step = arrows[key]
  if (step !== undefined) setChosen(graph.step(node?.id, step[0], step[1]) ?? node?.id)
  else if (key === "Enter" && node !== undefined) open(node)
  else if (key === " " && node !== undefined) act(node)
  else if (key === "Escape" && node !== undefined) setChosen(undefined)
  else if (key === "+") graph.zoom(zoomStep)
  else if (key === "-") graph.zoom(1 / zoomStep)
  else if (key === "0") graph.fit()
  else return false
  return true
}

const help = "Arrow keys move, space opens or closes, enter goes there; the list shows the same."

const zoomStep = 1.25

const arrows: { readonly [key: string]: readonly [number, number] } = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

function mapOf(entity: Entity, near: Neighborhood, relation: string, opened: Opened): MindMap {
  const all = groupsOf(entity.id, near)
  const own = relation === "" ? all : all.filter(({ type }) => type === relation)
  const shown = new Map<string, number>()
  for (const direction of ["in", "out"] as const) {
    const side = own.filter((group) => group.direction === direction)
    for (const [key, value] of firstShown(side, pageGraphRowsMax)) shown.set(key, value)
  }
  for (const [key, value] of opened.shown) shown.set(key, value)
  const groups = new Map(opened.groups).set(entity.id, own)
  return mindMapOf({ focus: entity, groups, shown, entitiesMax: pageGraphEntitiesMax })
}

/** "More" adds some, a group opens and closes. */
function toggledGroup(
  node: Exclude<PlacedNode, { kind: "entity" }>,
  shown: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const { key, members } = node.group
  const drawn = node.kind === "more" ? members.length - node.hidden : 0
  const wanted =
    node.kind === "more" || !node.isOpen ? Math.min(members.length, drawn + pageGraphMoreMax) : 0
  return new Map(shown).set(key, wanted)
}

/** Reads the neighbours of an entity that is expanded, and forgets them when it is closed. */
async function toggleEntity(
  entity: EntityRef,
  opened: Opened,
  setOpened: (next: (last: Opened) => Opened) => void,
): Promise<void> {
  if (opened.groups.has(entity.id)) {
    setOpened((last) => {
      const groups = new Map(last.groups)
      groups.delete(entity.id)
      return { ...last, groups }
    })
    return
  }
  const answer = await ask<{ neighbors: Neighborhood | null }>(neighborsDocument, {
    id: entity.id,
  }).catch(() => undefined)
  const found = answer?.neighbors == null ? [] : groupsOf(entity.id, answer.neighbors)
  setOpened((last) => {
    const shown = new Map(last.shown)
    for (const [key, value] of firstShown(found, pageGraphRowsMax / 2)) shown.set(key, value)
    return { groups: new Map(last.groups).set(entity.id, found), shown }
  })
}

interface Drawn {
  readonly map: MindMap
  readonly chosen: string | undefined
  readonly onTap: (node: PlacedNode) => void
  readonly onOpen: (node: PlacedNode) => void
}

/** Cytoscape comes when a graph is first shown, and follows what is to be drawn. */
function useDrawing({ map, chosen, onTap, onOpen }: Drawn) {
  const host = useRef<HTMLDivElement>(null)
  const drawn = useRef<DrawnGraph>(undefined)
  /** To be brought into view when its neighbours are there. */
  const expanded = useRef<string>(undefined)
  const told = useRef({ onTap, onOpen, map })
  told.current = { onTap, onOpen, map }
  const chosenTheme = useCell(theme)
  const colours = useCell(slots)
  const isDark = useMedia("(prefers-color-scheme: dark)")
  const isStill = useMedia("(prefers-reduced-motion: reduce)")
  useEffect(() => {
    let ended = false
    void import("../graph/drawing.ts").then(({ drawGraph }) => {
      const container = host.current
      if (ended || container === null) return
      drawn.current = drawGraph({
        container,
        slotOf,
        onTap: (node) => told.current.onTap(node),
        onOpen: (node) => told.current.onOpen(node),
      })
      drawn.current.draw(told.current.map, false)
      container.dataset.drawn = "true"
    })
    return () => {
      ended = true
      drawn.current?.end()
      drawn.current = undefined
    }
  }, [])
  const shape = JSON.stringify(map.nodes.map(({ id, x, y }) => [id, x, y]))
  useEffect(() => {
    drawn.current?.draw(map, !isStill)
    if (expanded.current !== undefined) drawn.current?.reveal(expanded.current, !isStill)
    expanded.current = undefined
  }, [shape])
  useEffect(() => drawn.current?.select(chosen), [chosen, shape])
  useEffect(() => drawn.current?.restyle(), [chosenTheme, isDark, colours])
  return { host, drawn, expanded }
}

function spoken(node: PlacedNode): string {
  if (node.kind === "entity") return `${nameOf(node.entity)}, ${node.entity.type}`
  const { type, members, direction } = node.group
  const name = `${plainName(type)}, ${direction === "in" ? "incoming" : "outgoing"}`
  if (node.kind === "more") return `${name}: ${count(node.hidden)} more`
  const size = counted(members.length, "entity", "entities")
  return `${name}: ${size}, ${node.isOpen ? "open" : "closed"}`
}

const GraphTools = ({ drawn }: { readonly drawn: () => DrawnGraph | undefined }) => (
  <div class="graph-tools">
    <button type="button" title="Larger (+)" onClick={() => drawn()?.zoom(zoomStep)}>
      <Icon name="plus" />
      <span class="unseen">Larger</span>
    </button>
    <button type="button" title="Smaller (-)" onClick={() => drawn()?.zoom(1 / zoomStep)}>
      <Icon name="minus" />
      <span class="unseen">Smaller</span>
    </button>
    <button type="button" title="Show all (0)" onClick={() => drawn()?.fit()}>
      <Icon name="fit" />
      <span class="unseen">Show all</span>
    </button>
  </div>
)

interface ChosenProps {
  readonly entity: EntityRef
  readonly focus: Entity
  readonly isOpen: boolean
  readonly onToggle: () => void
  readonly onClose: () => void
}

const Chosen = ({ entity, focus, isOpen, onToggle, onClose }: ChosenProps) => (
  <section class="chosen" aria-label="Chosen entity">
    <div class="chosen-head">
      <TypeTag type={entity.type} />
      {entity.stub ? <StubTag /> : null}
      <button type="button" class="quiet" onClick={onClose} title="Close">
        <Icon name="close" />
        <span class="unseen">Close</span>
      </button>
    </div>
    <p class="chosen-name">{nameOf(entity)}</p>
    <div class="chosen-actions">
      <a class="button primary" href={entityHash(entity.id)}>
        Open
      </a>
      <button type="button" aria-expanded={isOpen} onClick={onToggle}>
        {isOpen ? "Collapse" : "Expand"}
      </button>
      <a class="button" href={hashOf({ view: "path", from: focus.id, to: entity.id })}>
        Path
      </a>
    </div>
  </section>
)
