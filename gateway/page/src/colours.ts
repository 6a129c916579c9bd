/** Which of the page's colours a type of entity has: always the same one. */

export const colourSlots = 12

/** Types that stand together in threat intelligence, so that they never share a colour. */
const known: readonly string[] = [
  "intrusion-set",
  "attack-pattern",
  "malware",
  "vulnerability",
  "tool",
  "campaign",
  "course-of-action",
  "weakness",
  "x-mitre-detection-strategy",
  "x-mitre-analytic",
  "x-mitre-data-component",
  "x-mitre-tactic",
]

export function slotOf(type: string): number {
  const place = known.indexOf(type)
  if (place !== -1) return place
  let hash = 0
  for (const unit of type) hash = (hash * 31 + (unit.codePointAt(0) ?? 0)) >>> 0
  return hash % colourSlots
}
