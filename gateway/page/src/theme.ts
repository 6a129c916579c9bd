/** Light, dark, or as the system has it; kept in this browser. */
import { Cell } from "./cell.ts"

export const themes = ["auto", "light", "dark"] as const
export type Theme = (typeof themes)[number]

const place = "intelgraph.theme"

function kept(): Theme {
  try {
    const found = localStorage.getItem(place)
    return themes.find((theme) => theme === found) ?? "auto"
  } catch {
    return "auto"
  }
}

export const theme = new Cell<Theme>(kept())

export function setTheme(next: Theme): void {
  try {
    localStorage.setItem(place, next)
  } catch {
    // The choice then lasts as long as the page.
  }
  apply(next)
  theme.set(next)
}

function apply(chosen: Theme): void {
  document.documentElement.dataset.theme = chosen
}

apply(theme.value)
