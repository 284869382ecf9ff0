/**
 * Draws what was remembered of the participants: a lane for each, the newest at the right.
 */
import type { Mark, State, Timeline } from "./Timeline.ts"

/** In the order of the legend. */
export const legend: ReadonlyArray<readonly [name: string, color: string]> = [
  ["Connected", "connected"],
  ["Resuming", "resuming"],
  ["Reconnecting", "reconnecting"],
  ["Disconnected", "disconnected"],
  ["round trip", "rtt"],
  ["in flight", "flight"]
]

const colors: Readonly<Record<State, string>> = {
  Connected: "connected",
  Connecting: "resuming",
  Resuming: "resuming",
  Reconnecting: "reconnecting",
  Disconnected: "disconnected"
}

/** CSS pixels. */
const size = { title: 20, labels: 34, band: 12, chart: 46, gap: 18, axis: 20 }
const laneHeight = size.title + size.labels + size.band + size.chart + size.gap

/** Milliseconds in a CSS pixel. A narrow page shows less of the past, and that closer together. */
const millisPerPixel = (width: number) => (width < 600 ? 80 : 40)

interface Brush {
  readonly context: CanvasRenderingContext2D
  readonly color: (name: string) => string
  readonly width: number
  /** Where a time is. */
  readonly x: (at: number) => number
}

export const draw = (canvas: HTMLCanvasElement, lanes: ReadonlyArray<Timeline>, now: number): void => {
  const width = canvas.clientWidth
  const height = lanes.length * laneHeight + size.axis
  const ratio = globalThis.devicePixelRatio
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.style.height = `${height}px`
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const context = canvas.getContext("2d")
  if (context === null) return
  const style = getComputedStyle(canvas)
  const brush: Brush = {
    context,
    width,
    color: (name) => style.getPropertyValue(`--${name}`),
    x: (at) => width - (now - at) / millisPerPixel(width)
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  context.font = `12px ${style.fontFamily}`
  drawAxis(brush, height, now)
  for (const [index, lane] of lanes.entries()) drawLane(brush, lane, index * laneHeight, now)
}

const drawAxis = ({ color, context, width, x }: Brush, height: number, now: number) => {
  context.textBaseline = "alphabetic"
  context.textAlign = "center"
  for (let seconds = 0; x(now - seconds * 1000) > 0; seconds += 5) {
    const at = Math.round(x(now - seconds * 1000)) - 0.5
    context.fillStyle = color("line")
    context.fillRect(at, 0, 1, height - size.axis)
    if (seconds === 0 || at < 24 || at > width - 24) continue
    context.fillStyle = color("muted")
    context.fillText(`−${seconds} s`, at, height - 5)
  }
}

const drawLane = (brush: Brush, lane: Timeline, top: number, now: number) => {
  const { color, context, width, x } = brush
  context.textAlign = "left"
  context.textBaseline = "alphabetic"
  context.fillStyle = color("text")
  context.font = context.font.replace(/^12px/, "600 13px")
  context.fillText(lane.identity, 0, top + 14)
  const named = context.measureText(lane.identity).width
  context.font = context.font.replace(/^(600|bold) 13px/, "12px")
  const band = top + size.title + size.labels
  for (const span of lane.spans) {
    const from = Math.max(0, x(span.from))
    const to = x(Math.min(span.to, now))
    if (to < 0) continue
    context.fillStyle = color(colors[span.state])
    // What lasts a few milliseconds is to be seen too.
    context.fillRect(from, band, Math.max(3, to - from), size.band)
  }
  drawMarks(brush, lane.marks, top + size.title, band)
  const chart = band + size.band + size.chart
  const most = {
    bytes: Math.max(4_000, ...lane.samples.map(({ bytesInFlight }) => bytesInFlight)),
    rtt: Math.max(20, ...lane.samples.map(({ rtt }) => rtt ?? 0))
  }
  drawArea(brush, lane, chart, most.bytes)
  drawLine(brush, lane, chart, most.rtt)
  // Beside the name, where neither a mark nor a curve comes.
  let start = named + 12
  for (const [text, ink] of [
    ["up to", "muted"],
    [`${most.rtt} ms`, "rtt"],
    [`${(most.bytes / 1000).toFixed(0)} kB`, "flight-text"]
  ] as const) {
    context.fillStyle = color(ink)
    context.textBaseline = "alphabetic"
    context.fillText(text, start, top + 14)
    start += context.measureText(text).width + 8
  }
  context.fillStyle = color("line")
  context.fillRect(0, chart, width, 1)
}

/** Labels in two rows, each beside its mark where it fits. */
const drawMarks = ({ color, context, width, x }: Brush, marks: ReadonlyArray<Mark>, top: number, band: number) => {
  const rows = [Infinity, Infinity]
  context.textBaseline = "middle"
  // The newest first: they are what somebody looks for.
  for (const { at, kind, text } of marks.toReversed()) {
    const place = x(at)
    const length = context.measureText(text).width
    if (place < 0) continue
    context.fillStyle = color(kind)
    context.fillRect(place - 1, band - 4, 2, size.band + 8)
    const row = kind === "trouble" ? 0 : 1
    const start = Math.min(place, width - length)
    if (start < 0 || start + length + 8 > (rows[row] ?? 0)) continue
    rows[row] = start
    context.fillText(text, start, top + 8 + row * 15)
  }
}

const drawArea = ({ color, context, x }: Brush, { samples }: Timeline, bottom: number, most: number) => {
  context.fillStyle = color("flight")
  for (const [index, { at, bytesInFlight }] of samples.entries()) {
    const next = samples[index + 1]?.at ?? at + 200
    const height = (bytesInFlight / most) * (size.chart - 6)
    if (height > 0) context.fillRect(x(at), bottom - height, Math.max(1, x(next) - x(at)), height)
  }
}

const drawLine = ({ color, context, x }: Brush, { samples }: Timeline, bottom: number, most: number) => {
  context.strokeStyle = color("rtt")
  context.lineWidth = 1.5
  context.beginPath()
  let isDown = false
  for (const { at, rtt } of samples) {
    if (rtt !== undefined) {
      const y = bottom - 2 - (rtt / most) * (size.chart - 8)
      if (isDown) context.lineTo(x(at), y)
      else context.moveTo(x(at), y)
    }
    isDown = rtt !== undefined
  }
  context.stroke()
}

/** The same in words, for those who do not see it. */
export const describe = (lanes: ReadonlyArray<Timeline>): string =>
  lanes
    .map(({ identity, marks, samples, spans }) => {
      const rtt = samples.at(-1)?.rtt
      return [
        `${identity} is ${spans.at(-1)?.state ?? "not there"}`,
        rtt === undefined ? "" : `, round trip ${rtt} ms`,
        marks.length === 0 ? "" : `, last: ${marks.at(-1)?.text}`
      ].join("")
    })
    .join(". ")
