/** Rows of the graph as the stores' statements return them, in this order of columns. */
export type NodeColumns = [
  id: number,
  type: number,
  key: string,
  asserted: number,
  properties: string,
  aliases: string,
  revision: number,
]

export type AliasColumns = [
  id: number,
  type: number,
  scheme: string,
  value: string,
  node: number | null,
  claims: number,
]

export type EdgeColumns = [
  id: number,
  type: number,
  from: number,
  to: number,
  discriminator: string,
  derived: number,
  links: number,
  properties: string,
]
