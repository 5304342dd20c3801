// A bar chart as SVG: how long one lookup takes, on a logarithmic scale. Pure.

export type Bar = { readonly label: string; readonly us: number; readonly ours: boolean }

const width = 760
const left = 250
const right = 90
const rowHeight = 30
const top = 56

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** Bars from the fastest to the slowest; readable on light and dark pages. */
export function chart(title: string, bars: readonly Bar[]): string {
  const sorted = bars.toSorted((a, b) => a.us - b.us)
  const low = Math.floor(Math.log10(Math.min(...bars.map(({ us }) => us))))
  const high = Math.ceil(Math.log10(Math.max(...bars.map(({ us }) => us))))
  const x = (us: number): number =>
    Math.round(left + ((Math.log10(us) - low) / Math.max(1, high - low)) * (width - left - right))
  const height = top + sorted.length * rowHeight + 24
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
  const grid = ticks.map(
    (us) =>
      `<line x1="${x(us)}" x2="${x(us)}" y1="${top - 8}" y2="${height - 24}" class="grid"/>` +
      `<text x="${x(us)}" y="${height - 8}" class="tick">${us >= 1_000 ? `${us / 1_000} ms` : `${us} µs`}</text>`,
  )
  const rows = sorted.map(({ label, us, ours }, index) => {
    const y = top + index * rowHeight
    return (
      `<text x="${left - 10}" y="${y + 15}" class="label">${escape(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${Math.max(2, x(us) - left)}" height="20" rx="3" class="${ours ? 'ours' : 'other'}"/>` +
      `<text x="${x(us) + 6}" y="${y + 15}" class="value">${us < 10 ? us.toFixed(2) : Math.round(us)} µs</text>`
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 } .label { text-anchor: end } .tick { text-anchor: middle; font-size: 11px }
.grid { stroke: #8c959f; stroke-opacity: .3 } .ours { fill: #1f883d } .other { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>
<text x="16" y="26" class="title">${escape(title)}</text>
${[...grid, ...rows].join('\n')}
</svg>
`
}
