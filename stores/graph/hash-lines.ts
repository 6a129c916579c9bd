/**
 * The hash of a tenant's visible graph: SHA-256, hex, over lines of UTF-8 that each end in U+000A.
 *
 * First one line per entity, by type, then key (both by UTF-8 bytes):
 *
 *     ["e",type,key,stub,{properties},[[scheme,value],…]]
 *
 * then one per relationship, by type and key of where it begins, its own type, type and key of
 * where it ends, then discriminator:
 *
 *     ["r",from type,from key,type,to type,to key,discriminator,derived,{properties}]
 *
 * Each is canonical JSON (RFC 8785). No time, sequence, epoch, source or number of a row is in it.
 */

/** `properties` and `aliases` are the canonical texts that are stored. */
export function entityLine(
  type: string,
  key: string,
  stub: boolean,
  properties: string,
  aliases: string,
): string {
  return `["e",${JSON.stringify(type)},${JSON.stringify(key)},${stub},${properties},${aliases}]\n`
}

/** `names`: type and key of where it begins, its type, type and key of its end, discriminator. */
export function relationshipLine(
  names: readonly string[],
  derived: boolean,
  properties: string,
): string {
  const quoted = names.map((name) => JSON.stringify(name))
  return `["r",${quoted.join(",")},${derived},${properties}]\n`
}
