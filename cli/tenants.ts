/** What is said where somebody asks for the data of a tenant that has none here. */
import { namesToldMax } from "../protocols/limits.ts"

/** `undefined` where the tenant is one of those that are there. */
export function noSuchTenant(tenant: string, tenants: readonly string[]): string | undefined {
  if (tenants.includes(tenant)) return undefined
  if (tenants.length === 0) return `There is no tenant ${tenant} here, and nothing is ingested yet.`
  const verb = tenants.length === 1 ? "is" : "are"
  return `There is no tenant ${tenant} here; there ${verb}: ${namesTold(tenants)}.`
}

export function namesTold(names: readonly string[]): string {
  const more = names.length - namesToldMax
  return names.slice(0, namesToldMax).join(", ") + (more > 0 ? ` and ${more} more` : "")
}
