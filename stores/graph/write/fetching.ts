/**
 * What a store over a network must be able to fetch of one tenant into a working set: each call
 * asks one kind of question about many rows at once, and puts what it finds into the set as `kept`.
 * What is there already is not put again.
 */
export type Question = () => Promise<void>
export type KeyOf = readonly [type: number, key: string]
export type AliasName = readonly [type: number, scheme: string, value: string]
export type Ends = readonly [from: number, type: number, to: number, discriminator: string]

export interface Fetching {
  /**
   * Up to so many records, what they name is asked for together with them, before it is known which
   * of them say anything new: none where questions go one after the other.
   */
  readonly aheadMax: number
  /** Asks what needs nothing of each other's answers, in order or at once. */
  readonly together: (questions: readonly Question[]) => Promise<void>
  readonly records: (wanted: Iterable<readonly [source: number, key: string]>) => Promise<void>
  /** Those of them of which something was set aside before. */
  readonly deadLetters: (
    wanted: readonly (readonly [source: number, epoch: number, count: number, ordinal: number])[],
  ) => Promise<void>
  readonly nodesByKey: (wanted: Iterable<KeyOf>) => Promise<void>
  /** Of nodes that are only ends of relationships: what they show may be left out. */
  readonly endsByKey: (wanted: Iterable<KeyOf>) => Promise<void>
  readonly nodes: (wanted: Iterable<number>) => Promise<void>
  /** All of each, with who says them. */
  readonly assertionsOf: (nodes: Iterable<number>) => Promise<void>
  readonly aliasesByName: (wanted: Iterable<AliasName>) => Promise<void>
  readonly aliases: (wanted: Iterable<number>) => Promise<void>
  /** All of each. */
  readonly claimsOf: (aliases: Iterable<number>) => Promise<void>
  readonly links: (wanted: Iterable<number>) => Promise<void>
  /** All that have one of the aliases at an end. */
  readonly linksOfAliases: (aliases: Iterable<number>) => Promise<void>
  /** All that the relationships stand for. */
  readonly linksOfEdges: (edges: Iterable<number>) => Promise<void>
  /** Whether any other link than those fetched has the alias at an end. */
  readonly otherLinks: (aliases: Iterable<number>) => Promise<void>
  readonly edges: (wanted: Iterable<number>) => Promise<void>
  readonly edgesByEnds: (wanted: Iterable<Ends>) => Promise<void>
  /** Whether any other relationship than those fetched begins or ends at the node. */
  readonly otherEdges: (nodes: Iterable<number>) => Promise<void>
  /** Numbers of nodes and edges that the source describes together with others. */
  readonly merged: (
    source: number,
  ) => Promise<{ readonly nodes: readonly number[]; readonly edges: readonly number[] }>
}
