/** The page's frame: where one is, the search at the top, and whether the node is there. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { compact } from "./format.ts"
import { startLive, stopLive } from "./live.ts"
import { EntityPicker } from "./parts/entity-picker.tsx"
import { LinkSign, ThemeSwitch } from "./parts/frame.tsx"
import { Icon, type IconName } from "./parts/icons.tsx"
import { StatsContext, useAskedStats, useStats } from "./pulse.ts"
import { entityHash, hashOf, type Route } from "./route.ts"
import { session, signOut } from "./session.ts"
import { useCell, useRoute } from "./use.ts"
import { ChangesView } from "./views/changes.tsx"
import { DeadLettersView } from "./views/dead-letters.tsx"
import { EntityView } from "./views/entity.tsx"
import { NodeView } from "./views/node.tsx"
import { Overview } from "./views/overview.tsx"
import { PathView } from "./views/path.tsx"
import { SearchView } from "./views/search.tsx"
import { TokenForm } from "./views/token-form.tsx"

export function App() {
  const { token, refused } = useCell(session)
  useEffect(() => {
    if (refused !== undefined) return undefined
    startLive()
    return stopLive
  }, [token, refused])
  if (refused !== undefined) return <TokenForm reason={refused} />
  // A new token sees other things: nothing that was shown for the last one stays.
  return <Frame key={token ?? ""} hasToken={token !== undefined} />
}

function Frame({ hasToken }: { readonly hasToken: boolean }) {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const stats = useAskedStats()
  // With the view and not after it: the focus would be taken from a key that was pressed meanwhile.
  useLayoutEffect(() => {
    // A reader hears the new view, and tab goes on from its beginning.
    if (isFirst.current) isFirst.current = false
    else main.current?.focus({ preventScroll: true })
    main.current?.scrollTo(0, 0)
    window.scrollTo(0, 0)
  }, [viewKey(route)])
  return (
    <StatsContext.Provider value={stats}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Top route={route} hasToken={hasToken} />
      <main id="main" class={`main ${route.view}`} ref={main} tabIndex={-1}>
        <View route={route} />
      </main>
    </StatsContext.Provider>
  )
}

/** Search is a key away wherever one is. */
function useSearchKey() {
  const search = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const find = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return
      if (takesText(event.target)) return
      event.preventDefault()
      search.current?.focus()
    }
    window.addEventListener("keydown", find)
    return () => window.removeEventListener("keydown", find)
  }, [])
  return search
}

function Top({ route, hasToken }: { readonly route: Route; readonly hasToken: boolean }) {
  const search = useSearchKey()
  return (
    <header class="top">
      <a class="brand" href="#/">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M6 12L16 5.5M6 12l10 6.5M16 5.5v13" />
          <circle cx="6" cy="12" r="3.2" />
          <circle cx="16.5" cy="5.5" r="2.6" />
          <circle cx="16.5" cy="18.5" r="2.6" />
        </svg>
        IntelGraph
      </a>
      <Navigation route={route} />
      <search class="top-search">
        <EntityPicker
          label="Search entities"
          placeholder="Search names, aliases, texts"
          inputRef={search}
          initial={route.view === "search" ? route.text : ""}
          onPick={({ id }) => {
            window.location.hash = entityHash(id)
          }}
          onText={(text) => {
            window.location.hash = hashOf({ view: "search", text, type: "" })
          }}
        />
        <span class="key-hint" aria-hidden="true">
          /
        </span>
      </search>
      <div class="top-end">
        <LinkSign />
        <ThemeSwitch />
        {hasToken ? (
          <button
            type="button"
            class="quiet"
            title="Forget the token"
            onClick={() => signOut("The token is forgotten. Bring one to go on.")}
          >
            <Icon name="leave" />
            <span class="unseen">Forget the token</span>
          </button>
        ) : null}
      </div>
    </header>
  )
}

/** A filter is the same view; another entity is another one. */
const viewKey = (route: Route): string =>
  route.view === "entity" ? `entity ${route.id}` : route.view

const takesText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, textarea, select") !== null

interface Place {
  readonly view: Route["view"]
  readonly label: string
  readonly icon: IconName
  readonly href: string
}

const places: readonly Place[] = [
  { view: "overview", label: "Graph", icon: "graph", href: "#/" },
  { view: "node", label: "Node", icon: "node", href: "#/node" },
  { view: "dead-letters", label: "Dead letters", icon: "letters", href: "#/dead-letters" },
  { view: "changes", label: "Changes", icon: "changes", href: "#/changes" },
]

function Navigation({ route }: { readonly route: Route }) {
  const { data } = useStats()
  const letters = data?.stats.deadLetters ?? 0
  const isIn = (view: Route["view"]) =>
    route.view === view ||
    (view === "overview" && ["entity", "search", "path"].includes(route.view))
  return (
    <nav class="places" aria-label="Views">
      {places.map(({ view, label, icon, href }) => (
        <a key={view} href={href} aria-current={isIn(view) ? "page" : undefined}>
          <Icon name={icon} />
          <span>{label}</span>
          {view === "dead-letters" && letters > 0 ? (
            <span class="badge">{compact(letters)}</span>
          ) : null}
        </a>
      ))}
    </nav>
  )
}

function View({ route }: { readonly route: Route }) {
  switch (route.view) {
    case "overview":
      return <Overview />
    case "search":
      return <SearchView text={route.text} type={route.type} />
    case "entity":
      return <EntityView key={route.id} id={route.id} relation={route.relation} />
    case "path":
      return <PathView from={route.from} to={route.to} />
    case "node":
      return <NodeView />
    case "dead-letters":
      return <DeadLettersView source={route.source} reason={route.reason} />
    case "changes":
      return <ChangesView />
    case "nowhere":
      return (
        <div class="narrow-view">
          <h1>Nothing here</h1>
          <p>
            The address leads nowhere. <a href="#/">See the graph</a>.
          </p>
        </div>
      )
  }
}
