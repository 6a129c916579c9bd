/** The page's colours as they are now, light or dark, for what is not drawn by CSS. */

/** By names of `style/tokens.css`, without the dashes. */
export type Colour = (name: string) => string

/** Stays good while the theme changes. */
export function coloursOf(container: HTMLElement): Colour {
  // Of a custom property the browser tells the text, of a colour what it comes to.
  const probe = document.createElement("i")
  probe.hidden = true
  container.append(probe)
  const shown = getComputedStyle(probe)
  return (name) => {
    probe.style.color = `var(--${name})`
    return shown.color
  }
}
