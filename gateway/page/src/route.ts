/**
 * Where in the page a person is, as the address says it after `#`. Addresses can be kept and
 * shared; a token is never in one.
 */

export type Route =
  | { readonly view: "overview" }
  | { readonly view: "search"; readonly text: string; readonly type: string }
  | { readonly view: "entity"; readonly id: string; readonly relation: string }
  | { readonly view: "path"; readonly from: string; readonly to: string }
  | { readonly view: "node" }
  | { readonly view: "dead-letters"; readonly source: string; readonly reason: string }
  | { readonly view: "changes" }
  | { readonly view: "nowhere" }

/** Anything that is no address of the page is `nowhere`. */
export function routeOf(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2)
  const [view = "", first = "", second = "", ...rest] = path.split("/").map(decoded)
  const given = new URLSearchParams(search)
  const value = (name: string) => given.get(name) ?? ""
  if (rest.length > 0) return { view: "nowhere" }
  if (view === "entity" && first !== "" && second === "") {
    return { view, id: first, relation: value("relation") }
  }
  if (view === "path" && first !== "") return { view, from: first, to: second }
  if (first !== "") return { view: "nowhere" }
  if (view === "") return { view: "overview" }
  if (view === "search") return { view, text: value("text"), type: value("type") }
  if (view === "dead-letters") return { view, source: value("source"), reason: value("reason") }
  if (view === "node" || view === "changes") return { view }
  return { view: "nowhere" }
}

/** The address of a route; `routeOf` gives the route back. */
export function hashOf(route: Route): string {
  const part = encodeURIComponent
  switch (route.view) {
    case "entity":
      return `#/entity/${part(route.id)}${searchOf({ relation: route.relation })}`
    case "path":
      return `#/path/${part(route.from)}${route.to === "" ? "" : `/${part(route.to)}`}`
    case "search":
      return `#/search${searchOf({ text: route.text, type: route.type })}`
    case "dead-letters":
      return `#/dead-letters${searchOf({ source: route.source, reason: route.reason })}`
    case "overview":
    case "nowhere":
      return "#/"
    default:
      return `#/${route.view}`
  }
}

export const entityHash = (id: string): string => hashOf({ view: "entity", id, relation: "" })

function searchOf(given: { readonly [name: string]: string }): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(given)) if (value !== "") search.set(name, value)
  const text = search.toString()
  return text === "" ? "" : `?${text}`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ""
  }
}
