/**
 * A recording as one page of HTML that needs nothing else: a strip of states, a lane for each kind of entry, and all entries.
 */
import type { Entry, FlightRecording } from "../FlightRecording.ts"

const lanes = ["application", "signal", "peer connection", "decision"] as const
type Lane = (typeof lanes)[number]

interface Line {
  readonly lane: Lane
  readonly text: string
  readonly isTrouble: boolean
}

const fine = (lane: Lane, text: string): Line => ({ lane, text, isTrouble: false })
const trouble = (lane: Lane, text: string): Line => ({ lane, text, isTrouble: true })

/** What an entry says, in words. */
const lineOf = (entry: Entry): Line => {
  switch (entry._tag) {
    case "Called":
      return fine("application", `${entry.operation} was called`)
    case "ScopeClosed":
      return fine("application", "the scope of the connection closed")
    case "Hinted":
      return fine("application", `the platform says ${entry.event}`)
    case "Told": {
      const isTrouble = ["Resuming", "Reconnecting", "Disconnected", "FailedToConnect", "InDoubt"].includes(entry.event)
      const text = entry.detail === undefined ? entry.event : `${entry.event} (${entry.detail})`
      return isTrouble || entry.event.startsWith("Malformed") ? trouble("application", text) : fine("application", text)
    }
    case "StateChanged":
      return fine("application", `state ${entry.state}`)
    case "Dialled":
      return fine("signal", `dialled ${entry.origin} to ${entry.request}`)
    case "Answered": {
      const seen =
        entry.lastMessageSeq === undefined ? "" : `, the server has reliable packets up to ${entry.lastMessageSeq}`
      return fine("signal", `${entry.request} answered on ${entry.path === "v1" ? "/rtc/v1" : "/rtc"}${seen}`)
    }
    case "Refused":
      return trouble(
        "signal",
        `${entry.request} failed: ${entry.reason}${entry.status === undefined ? "" : ` ${entry.status}`}${leaveIn(entry)}`
      )
    case "SignalReceived":
      return entry.message === "leave" || entry.message === "malformed"
        ? trouble("signal", `received ${entry.message}${leaveIn(entry)}`)
        : fine("signal", `received ${entry.message}`)
    case "SignalSent":
      return entry.isSent
        ? fine("signal", `sent ${entry.request}`)
        : trouble("signal", `could not send ${entry.request}`)
    case "SignalEnded":
      return trouble("signal", `ended with ${entry.code}`)
    case "Probed":
      return entry.answered ? fine("signal", "the server answered a probe") : trouble("signal", "no answer to a probe")
    case "RegionSought":
      return entry.outcome === "found"
        ? fine("signal", `goes on to ${entry.origin}`)
        : trouble("signal", entry.outcome === "none" ? "no other region is left" : "no list of regions could be had")
    case "PeerConnectionMade":
      return fine("peer connection", `${entry.target} made${entry.relayOnly ? ", for relays only" : ""}`)
    case "Negotiated":
      return entry.failure === undefined
        ? fine("peer connection", `${entry.target} ${entry.step} done`)
        : trouble("peer connection", `${entry.target} ${entry.step} failed: ${entry.failure}`)
    case "PathAsked":
      return entry.answered
        ? fine("peer connection", `the far end of the ${entry.target} answered`)
        : trouble("peer connection", `the far end of the ${entry.target} could not be asked`)
    case "ChannelChanged":
      return (entry.state === "closed" || entry.state === "refused" ? trouble : fine)(
        "peer connection",
        `${entry.target}: ${entry.origin} channel ${entry.label} ${entry.state}`
      )
    case "PeerConnectionChanged":
      return entry.state === "failed" || entry.state === "disconnected"
        ? trouble("peer connection", `${entry.target} ${entry.state}`)
        : fine("peer connection", `${entry.target} ${entry.state}`)
    case "Candidate":
      return fine(
        "peer connection",
        `${entry.target}: ${entry.origin} candidate, ${entry.type} over ${entry.transport}`
      )
    case "Decided":
      return fine(
        "decision",
        `${entry.decision} (attempt ${entry.attempt}; ${entry.cause} asks for ${entry.asked}; path ${entry.pathAlive ? "alive" : "dead"}; ${entry.resumable ? "" : "not "}resumable)`
      )
    case "Delayed":
      return fine("decision", `attempt ${entry.attempt} after ${Math.round(entry.millis)} ms`)
  }
}

const leaveIn = ({ leave }: Extract<Entry, { readonly leave?: unknown }>) =>
  leave === undefined ? "" : ` ${leave.action} (${leave.reason})`

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escape = (text: string) => text.replaceAll(/[&<>"']/g, (each) => entities[each] ?? "")

const seconds = (millis: number) => `${(millis / 1000).toFixed(3)} s`

const stateStrip = ({ entries }: FlightRecording, total: number): string => {
  const changes = entries.filter((entry) => entry._tag === "StateChanged")
  return changes
    .map(({ at, state }, index) => {
      const end = changes[index + 1]?.at ?? total
      const title = escape(`${state} from ${seconds(at)} to ${seconds(end)}`)
      return `<div class="state ${escape(state)}" style="left:${percent(at, total)};width:${percent(end - at, total)}" title="${title}">${escape(state)}</div>`
    })
    .join("")
}

const percent = (part: number, total: number) => `${((100 * part) / total).toFixed(3)}%`

/** Renders a recording. */
export const render = (recording: FlightRecording): string => {
  const { dropped, entries, startedAt } = recording
  const total = Math.max(1, entries.at(-1)?.at ?? 0)
  const lines = entries.map((entry) => ({ at: entry.at, ...lineOf(entry) }))
  const ticks = (lane: Lane) =>
    lines
      .map((line, index) =>
        line.lane === lane
          ? `<a class="tick${line.isTrouble ? " trouble" : ""}" style="left:${percent(line.at, total)}" href="#e${index}" title="${escape(`${seconds(line.at)} ${line.text}`)}"></a>`
          : ""
      )
      .join("")
  const rows = lines
    .map(
      ({ at, isTrouble, lane, text }, index) =>
        `<tr id="e${index}"${isTrouble ? ' class="trouble"' : ""}><td>${seconds(at)}</td><td>${lane}</td><td>${escape(text)}</td></tr>`
    )
    .join("\n")
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>effect-livekit timeline</title>
<style>
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif }
body { margin: 1.5rem; max-width: 80rem }
.lane { display: grid; grid-template-columns: 9rem 1fr; align-items: center; margin: .25rem 0 }
.track { position: relative; height: 1.6rem; background: #8882; overflow: hidden }
.state { position: absolute; height: 100%; overflow: hidden; padding: .1rem .3rem; box-sizing: border-box; color: #fff }
.Disconnected { background: #777 } .Connecting { background: #2a6fb0 } .Connected { background: #2b8a4b }
.Resuming { background: #b8860b } .Reconnecting { background: #b8442b }
.tick { position: absolute; top: 15%; height: 70%; width: 3px; background: #2a6fb0 }
.tick.trouble { background: #c22 } tr.trouble td:last-child { color: #c22 }
table { border-collapse: collapse; margin-top: 1.5rem } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
td:first-child { font-variant-numeric: tabular-nums; text-align: right } tr:target { background: #fd08 }
</style>
<h1>Timeline</h1>
<p>Began ${escape(new Date(startedAt).toISOString())}, ${entries.length} entries over ${seconds(total)}${dropped > 0 ? `; ${dropped} earlier ones were dropped` : ""}.</p>
<div class="lane"><span>state</span><div class="track">${stateStrip(recording, total)}</div></div>
${lanes.map((lane) => `<div class="lane"><span>${lane}</span><div class="track">${ticks(lane)}</div></div>`).join("\n")}
<table>
${rows}
</table>
</html>
`
}
