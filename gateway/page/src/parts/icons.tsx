/** The page's signs: drawn by line in the colour of the text beside them, silent to readers. */

const paths = {
  graph:
    "M9 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM20 5.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z" +
    "M20 18.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM8.6 10.5l6.6-3.9M8.6 13.5l6.6 3.9",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
  node: "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.5h.01M7.5 16.5h.01",
  letters: "M4 6h16v12H4zM4 7l8 6 8-6",
  changes: "M4 12h4l2.5-7 4 14L17 12h3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  done: "M5 12.5l4.5 4.5L19 7.5",
  right: "M9 6l6 6-6 6",
  out: "M5 12h14M13 6l6 6-6 6",
  in: "M19 12H5M11 6l-6 6 6 6",
  close: "M6 6l12 12M18 6L6 18",
  light:
    "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v1M12 20v1M3 12h1M20 12h1" +
    "M5.6 5.6l.7.7M17.7 17.7l.7.7M5.6 18.4l.7-.7M17.7 6.3l.7-.7",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  auto: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 4v16M12 8h6M12 12h8M12 16h6",
  alert: "M12 4L2.8 19.5h18.4zM12 10v4.5M12 17h.01",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  path:
    "M5 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z" +
    "M19 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 17h6a4 4 0 0 0 4-4V9",
  swap: "M7 4L3 8l4 4M3 8h14M17 12l4 4-4 4M21 16H7",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
} as const

export type IconName = keyof typeof paths

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={paths[name]} />
  </svg>
)
