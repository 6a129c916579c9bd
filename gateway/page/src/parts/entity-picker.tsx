/**
 * A field that finds entities while one types: a combobox with a list, by keyboard or pointer.
 * Used by the search at the top and where a path's end is chosen.
 */
import type { RefObject } from "preact"
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks"
import {
  pageRankedMax,
  pageSuggestedMax,
  searchTextBytesMax,
} from "../../../../protocols/limits.ts"
import type { Found, Page } from "../answers.ts"
import { searchDocument } from "../documents.ts"
import { nameOf } from "../format.ts"
import { ranked } from "../ranking.ts"
import { useAnswer, useSettled } from "../use.ts"
import { Icon } from "./icons.tsx"
import { TypeTag } from "./parts.tsx"

interface PickerProps {
  readonly label: string
  readonly placeholder: string
  readonly inputRef?: RefObject<HTMLInputElement | null>
  readonly initial?: string
  readonly type?: string
  readonly isFocused?: boolean
  readonly onPick: (entity: Found) => void
  /** Enter with nothing chosen. */
  readonly onText?: (text: string) => void
}

const settleMillis = 120

/** What the field says: what was typed, else `initial`, which takes nothing from who is typing. */
function useTyped(initial: string) {
  const [typed, setTyped] = useState<{ readonly text: string; readonly over: string }>()
  const isTyping = useRef(false)
  useLayoutEffect(() => {
    if (!isTyping.current) setTyped(undefined)
  }, [initial])
  const end = (keeps: boolean) => {
    isTyping.current = false
    if (!keeps) setTyped(undefined)
  }
  return {
    text: typed?.text ?? initial,
    write: (text: string) => {
      isTyping.current = true
      setTyped({ text, over: initial })
    },
    submit: () => end(true),
    forget: () => end(false),
    /** Half a word does not stay beside another view's. */
    leave: () => end(typed?.over === initial),
  }
}

/** Items for what was typed, nearest first. */
function useSuggestions(text: string, type: string) {
  const settled = useSettled(text.trim(), settleMillis)
  const answer = useAnswer<{ entities: Page<Found> }>(
    searchDocument,
    { type: type === "" ? null : type, filter: { text: settled }, first: pageRankedMax },
    { isOff: settled === "" },
  )
  const found = ranked(answer.data?.entities.items ?? [], settled)
  const isCurrent = settled === text.trim() && !answer.isLoading
  const items = found.slice(0, pageSuggestedMax)
  const foot = footOf({
    isCurrent,
    shown: items.length,
    total: found.length,
    hasMore: answer.data?.entities.hasMore === true,
    problem: answer.problem?.message,
  })
  return { items, isCurrent, foot }
}

/** Whether suggestions are shown, and which of them is the active one; -1 is the field itself. */
function useList(text: string) {
  const [isOpen, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  useEffect(() => setActive(-1), [text])
  const close = () => {
    setOpen(false)
    setActive(-1)
  }
  return { isOpen, setOpen, active, setActive, close }
}

export function EntityPicker(props: PickerProps) {
  const { label, placeholder, inputRef, initial = "", type = "", onPick, onText } = props
  const { text, ...typed } = useTyped(initial)
  const { isOpen, setOpen, active, setActive, close } = useList(text)
  const id = useId()
  const { items, isCurrent, foot } = useSuggestions(isOpen ? text : "", type)
  const leave = () => {
    close()
    typed.leave()
  }
  const pick = (entity: Found) => {
    close()
    typed.forget()
    onPick(entity)
  }
  const isShown = isOpen && text.trim() !== ""
  const onKeyDown = (event: KeyboardEvent) => {
    const { key } = event
    if (key === "ArrowDown" || key === "ArrowUp") {
      setOpen(true)
      setActive(stepped(active, key === "ArrowDown" ? 1 : -1, items.length))
    } else if (key === "Escape") close()
    else if (key === "Enter") {
      const chosen = items[active] ?? (onText === undefined && isCurrent ? items[0] : undefined)
      if (chosen !== undefined) pick(chosen)
      else if (onText !== undefined) {
        close()
        typed.submit()
        onText(text.trim())
      }
    } else return
    event.preventDefault()
  }
  return (
    <div class="picker" onFocusOut={(event) => leaves(event) && leave()}>
      <Icon name="search" />
      <input
        ref={inputRef ?? null}
        role="combobox"
        aria-label={label}
        aria-expanded={isShown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        placeholder={placeholder}
        value={text}
        autocomplete="off"
        spellcheck={false}
        maxLength={searchTextBytesMax}
        onInput={(event) => {
          typed.write(event.currentTarget.value)
          setOpen(true)
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={onKeyDown}
      />
      <Suggestions
        id={id}
        label={`${label}: suggestions`}
        items={items}
        active={active}
        isShown={isShown}
        foot={foot}
        onPick={pick}
      />
    </div>
  )
}

interface SuggestionsProps {
  readonly id: string
  readonly label: string
  readonly items: readonly Found[]
  readonly active: number
  readonly isShown: boolean
  readonly foot: string
  readonly onPick: (entity: Found) => void
}

const Suggestions = (props: SuggestionsProps) => (
  <div class="picker-list" hidden={!props.isShown}>
    <div id={`${props.id}-list`} role="listbox" aria-label={props.label}>
      {props.items.map((item, place) => (
        <Suggestion
          key={item.id}
          id={`${props.id}-${place}`}
          item={item}
          isActive={place === props.active}
          onPick={() => props.onPick(item)}
        />
      ))}
    </div>
    <p class="picker-foot" role="status">
      {props.isShown ? props.foot : ""}
    </p>
  </div>
)

/** Around the list's ends; -1 is the field itself. */
const stepped = (active: number, step: number, length: number): number =>
  length === 0 ? -1 : active === -1 && step < 0 ? length - 1 : (active + step + length) % length

interface Foot {
  readonly isCurrent: boolean
  readonly shown: number
  readonly total: number
  readonly hasMore: boolean
  readonly problem: string | undefined
}

function footOf({ isCurrent, shown, total, hasMore, problem }: Foot): string {
  if (problem !== undefined) return problem
  if (!isCurrent) return "Searching…"
  if (total === 0) return "Nothing has these words."
  if (total > shown) return `${shown} of ${total}${hasMore ? " and more" : ""} shown; type further.`
  return total === 1 ? "1 found" : `${total} found`
}

interface SuggestionProps {
  readonly id: string
  readonly item: Found
  readonly isActive: boolean
  readonly onPick: () => void
}

/** Keys go to the field; the list follows by `aria-activedescendant`. */
const Suggestion = ({ id, item, isActive, onPick }: SuggestionProps) => (
  <div
    id={id}
    role="option"
    tabIndex={-1}
    aria-selected={isActive}
    class="suggestion"
    // Keeps the focus in the field, which closes the list when it goes.
    onMouseDown={(event) => event.preventDefault()}
    onClick={onPick}
    onKeyDown={(event) => event.key === "Enter" && onPick()}
  >
    <span class="suggestion-name">{nameOf(item)}</span>
    <span class="suggestion-alias">{item.aliases[0]?.value ?? ""}</span>
    <TypeTag type={item.type} />
  </div>
)

const leaves = (event: FocusEvent): boolean =>
  !(event.currentTarget as HTMLElement).contains(event.relatedTarget as Node | null)
