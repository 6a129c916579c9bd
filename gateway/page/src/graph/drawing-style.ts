/** How a drawing looks, in the colours and the font that the page has now. */
import type { StylesheetJson } from "cytoscape"
import type { Colour } from "./page-colours.ts"

interface Text {
  readonly "font-family": string
  readonly "font-size": number
  readonly color: string
}

export function drawingStyle(container: HTMLElement, colour: Colour): StylesheetJson {
  const { fontFamily } = getComputedStyle(container)
  const text = { "font-family": fontFamily, "font-size": 12, color: colour("text") }
  return [...entityStyles(colour, text), ...groupStyles(colour, text), ...edgeStyles(colour)]
}

const entityStyles = (colour: Colour, text: Text): StylesheetJson => [
  {
    selector: "node.entity",
    style: {
      ...text,
      "text-background-color": colour("surface"),
      "text-background-opacity": 1,
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
]

const groupStyles = (colour: Colour, text: Text): StylesheetJson => [
  {
    selector: "node.group",
    style: {
      ...text,
      "font-size": 11,
      color: colour("muted"),
      width: 134,
      height: 34,
      shape: "round-rectangle",
      "text-wrap": "wrap",
      "line-height": 1.15,
      label: "data(label)",
      "text-valign": "center",
      "background-color": colour("raised"),
      "border-width": 1.5,
      "border-color": "data(colour)",
      "border-opacity": 0.55,
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
]

const edgeStyles = (colour: Colour): StylesheetJson => [
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
  // Beyond the label of the entity that it comes from.
  { selector: "edge.stem", style: { "taxi-turn": "80%" } },
  { selector: "edge.flat", style: { "curve-style": "straight" } },
  {
    selector: "edge.back",
    style: { "curve-style": "bezier", "line-style": "dashed", "line-opacity": 0.7 },
  },
]
