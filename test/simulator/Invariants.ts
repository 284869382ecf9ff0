/**
 * What must hold of every run, as pure functions of its history. Each says what was broken, by whom, and when.
 */
import { DisconnectReason, LeaveRequest_Action } from "@livekit/protocol"
import { ConnectionState, EngineEvent } from "effect-livekit"
import type { Entry, Run, What } from "./History.ts"
import * as Scenario from "./Scenario.ts"
import { settling } from "./simulate.ts"

export interface Violation {
  readonly invariant: string
  readonly who: string
  /** Milliseconds. */
  readonly at: number
  readonly what: string
}

type Tagged<Tag extends What["_tag"]> = Extract<What, { readonly _tag: Tag }>
interface Tale {
  readonly name: string
  readonly participant: Scenario.Participant
  /** Of this participant and of everybody. */
  readonly entries: ReadonlyArray<Entry>
  readonly run: Run
}

const of = <Tag extends What["_tag"]>(entries: ReadonlyArray<Entry>, tag: Tag) =>
  entries.flatMap((entry) => (isTagged(entry.what, tag) ? [{ ...entry, what: entry.what }] : []))
const isTagged = <Tag extends What["_tag"]>(what: What, tag: Tag): what is Tagged<Tag> => what._tag === tag

/** Milliseconds that something may take that takes no time of its own: a way there and back, and turns. */
const slack = 2_000
/** After the last trouble an engine may still be in the middle of one dial (18 s) and one attempt (20 s). */
const patience = 50_000
const timeLimit = 60_000
/** RFC 7675 and libwebrtc, as the linked peer connections have it. */
const consent = { disconnected: 5_000, failed: 30_000 }
/** Interval and timeout of the pings. */
const pings = 20_000

/** The last moment up to `at` at which anything was wrong for this participant; -1 if nothing ever was. */
const lastTrouble = ({ entries, participant, run }: Tale, at: number): number => {
  let open = 0
  let last = -1
  for (const { at: when, what } of entries) {
    if (when > at) break
    if (what._tag !== "Fault" || (what.fault._tag === "RegionDown" && hasRegionLeft(run.scenario))) continue
    if (what.phase === "begins") open++
    if (what.phase === "ends") open--
    last = when
  }
  // Connections of such a network are slow enough to count as troubled for a while.
  return open > 0 ? at : Math.max(last, participant.network.loss > 0 && at < slack ? 0 : -1)
}

/** Some region is never down: who cannot get into one has to go to another. */
const hasRegionLeft = ({ faults, regions }: Scenario.Scenario) =>
  new Set(faults.flatMap((fault) => (fault._tag === "RegionDown" ? [fault.region % regions] : []))).size < regions

type Check = (tale: Tale) => ReadonlyArray<Omit<Violation, "who" | "invariant">>

const statesAreLegal: Check = ({ entries }) => {
  const states = of(entries, "State")
  return states.flatMap(({ at, what }, index) => {
    const before = states[index - 1]?.what.state ?? "Disconnected"
    const isFirst = index === 0 && what.state === "Disconnected"
    return isFirst || ConnectionState.mayFollow(before, what.state)
      ? []
      : [{ at, what: `${before} was followed by ${what.state}` }]
  })
}

const letters: Partial<Record<EngineEvent.EngineEvent["_tag"], string>> = {
  Joined: "J",
  Connected: "C",
  Resuming: "R",
  Resumed: "r",
  Reconnecting: "N",
  FullReconnecting: "F",
  Reconnected: "n",
  PostReconnect: "P",
  Disconnected: "D",
  FailedToConnect: "X"
}
const restarts = "N(F(JS)?)*"
const outage = `(Rs*(rP|${restarts}nP)|${restarts}nP)`
const unfinished = `(Rs*(${restarts})?|${restarts})`
const order = new RegExp(`^((JS)*X|(JS)+C${outage}*(${unfinished})?D)*((JS)*|(JS)+C${outage}*(${unfinished})?)$`)

const eventsAreInOrder: Check = ({ entries }) => {
  const events = of(entries, "Event")
  const told = events
    .map(({ what: { event } }) =>
      event._tag === "SignalConnected" ? (event.isResume ? "s" : "S") : (letters[event._tag] ?? "")
    )
    .join("")
  return order.test(told) ? [] : [{ at: events.at(-1)?.at ?? 0, what: `events came in the order ${told}` }]
}

/** Spells of a state or a condition. */
const spells = <A>(changes: ReadonlyArray<{ readonly at: number; readonly value: A }>, end: number) =>
  changes.map(({ at, value }, index) => ({ value, from: at, to: changes[index + 1]?.at ?? end }))

const stateSpells = ({ entries, run }: Tale) =>
  spells(
    of(entries, "State").map(({ at, what }) => ({ at, value: what.state })),
    run.millis
  )

const downSpells = ({ entries, run }: Tale, path: "signal" | "media") =>
  spells(
    of(entries, "Path")
      .filter(({ what }) => what.path === path)
      .map(({ at, what }) => ({ at, value: what.isUp })),
    run.millis
  ).filter(({ value }) => !value)

const isConnectedOnEvidence: Check = (tale) => {
  const server = spells(
    of(tale.entries, "Server").map(({ at, what }) => ({ at, value: what.isUp })),
    tale.run.millis
  ).filter(({ value }) => !value)
  const media = downSpells(tale, "media")
  const signal = downSpells(tale, "signal")
  const { jitter, latency } = tale.participant.network
  // Any sign of life counts, and there may be some while only the way up is dead: garbage too.
  const heardAt = tale.entries.flatMap(({ at, what }) =>
    what._tag === "Got" || (what._tag === "Event" && what.event._tag === "MalformedSignal") ? [at] : []
  )
  const way = latency + jitter + slack
  return stateSpells(tale)
    .filter(({ value }) => value === "Connected")
    .flatMap(({ from, to }) => {
      const beganIn = (downs: typeof media, allowed: number) =>
        downs.find((down) => down.from < from - allowed && from < down.to)
      const outlasted = (downs: typeof media, allowed: number, heardAt: ReadonlyArray<number> = []) =>
        downs.find((down) => {
          const until = Math.min(to, down.to)
          const since = Math.max(from, down.from, ...heardAt.filter((at) => at < until))
          return until - since > allowed
        })
      const found = [
        [beganIn(server, 4_000 + way), "the server was down"],
        [beganIn(media, consent.disconnected + way), "no media got through"],
        [beganIn(signal, pings + way), "no signalling got through"],
        [outlasted(server, pings + way), "the server was down for long"],
        [outlasted(media, consent.failed + way), "no media got through for long"],
        [outlasted(signal, pings + way, heardAt), "no signalling got through for long"]
      ] as const
      return found.flatMap(([down, why]) =>
        down === undefined ? [] : [{ at: Math.max(from, down.from), what: `it is Connected although ${why}` }]
      )
    })
}

/** A socket that has ended is noticed. */
const socketEndIsNoticed: Check = (tale) =>
  of(tale.entries, "SocketClosed")
    .filter(({ what }) => what.by === "far end")
    .flatMap(({ at, what }) => {
      const { socket } = what
      const isUsed =
        tale.entries.some((entry) => entry.what._tag === "Got" && entry.at <= at) && wasLast(tale, socket, at)
      const still = stateSpells(tale).find(
        ({ from, to, value }) => value === "Connected" && from < at && to > at + slack
      )
      return isUsed && still !== undefined
        ? [{ at, what: `it stays Connected for ${still.to - at} ms after its socket was closed` }]
        : []
    })
const wasLast = ({ entries }: Tale, socket: number, at: number) =>
  of(entries, "Dial").findLast((dial) => dial.at <= at)?.what.socket === socket

const outagesEnd: Check = (tale) => {
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  let since: number | undefined
  for (const { at, what } of of(tale.entries, "State")) {
    const isOut = what.state === "Resuming" || what.state === "Reconnecting"
    if (isOut) since ??= at
    else {
      if (since !== undefined && at - since > timeLimit + slack) {
        found.push({ at, what: `an outage lasted ${at - since} ms; the policy allows ${timeLimit}` })
      }
      since = undefined
    }
  }
  return found
}

const endsWithACause: Check = (tale) => {
  const { entries } = tale
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  const departures = entries.filter(({ what }) => what._tag === "Depart" || what._tag === "ConnectInterrupted")
  const leaves = of(entries, "Got").filter(({ what }) => what.message === "leave")
  const connects = of(entries, "Connect")
  for (const { at, what } of of(entries, "Event")) {
    const { event } = what
    if (event._tag !== "Disconnected" && event._tag !== "FailedToConnect") continue
    const began = connects.findLast((connect) => connect.at <= at)?.at ?? 0
    const ofThis = leaves.filter((leave) => leave.at >= began && leave.at <= at && !isEcho(leave.what.detail))
    // Who is not connected yet has nothing to go on with, whatever the leave asks for.
    const wasToldToLeave = event._tag === "FailedToConnect" ? ofThis.length > 0 : ofThis.some(isGoodbye)
    if (event.error === undefined || (event._tag === "FailedToConnect" && event.error.reason._tag === "Ended")) {
      const isAsked = departures.some((departure) => Math.abs(departure.at - at) <= slack) || isOver(tale, at)
      if (!isAsked && !wasToldToLeave) found.push({ at, what: "it ended without a cause and without being asked" })
      continue
    }
    const { reason } = event.error
    const quietSince = lastTrouble(tale, at)
    const isToken = reason._tag === "Rejected" && (reason.status === 401 || reason.status === 403)
    const hasExpired = isToken && at - began >= tale.participant.tokenTtl * 1_000 - 1_000 && !wasRefreshed(tale, began)
    const isExplained =
      reason._tag === "Ended" || reason._tag === "LeaveReceived"
        ? wasToldToLeave
        : isToken
          ? hasExpired || quietSince >= at - patience
          : event._tag === "FailedToConnect"
            ? quietSince >= began - slack
            : reason._tag === "ReconnectExhausted" && quietSince >= at - patience
    if (!isExplained) {
      found.push({
        at,
        what: `it ended with ${reason._tag} (${reason.message}), ${at - quietSince} ms after the last trouble`
      })
    }
  }
  return found
}
const isGoodbye = ({ what: { detail } }: { readonly what: { readonly detail: string } }) =>
  detail.startsWith(`action ${LeaveRequest_Action.DISCONNECT} `) && !detail.includes("canReconnect")
/** The answer to a leave of our own. */
const isEcho = (detail: string) => detail.endsWith(`reason ${DisconnectReason.CLIENT_INITIATED}`)
const wasRefreshed = ({ entries }: Tale, since: number) =>
  of(entries, "Event").some(({ at, what }) => at >= since && what.event._tag === "TokenRefreshed")
const isOver = ({ entries }: Tale, at: number) => {
  const healed = of(entries, "Healed")[0]?.at
  return healed !== undefined && at > healed + patience
}

const isWellInTheEnd: Check = (tale) => {
  const healed = of(tale.entries, "Healed")[0]?.at
  if (healed === undefined) return []
  const last = of(tale.entries, "State").findLast(({ at }) => at < endOfRun(tale.run))
  return last === undefined || last.what.state === "Connected"
    ? []
    : [{ at: last.at, what: `it is ${last.what.state} although nothing was wrong for ${settling} ms` }]
}

/** Connections of the application: from each connect to the next. */
const connections = ({ entries, run }: Tale) =>
  spells(
    of(entries, "Connect").map(({ at, what }) => ({ at, value: what.attempt })),
    run.millis
  )

const laneOf = (text: string) => text.slice(0, text.lastIndexOf("/"))
const numberOf = (text: string) => Number(text.slice(text.lastIndexOf("/") + 1))

const arrivesAtTheServer: Check = (tale) => {
  const { entries, run } = tale
  const forwarded = of(entries, "Forwarded").filter(({ what }) => what.kind === "reliable")
  const first = new Map<string, number>()
  const lanes = new Map<string, number>()
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  for (const { at, what } of forwarded) {
    const { text } = what
    if (first.has(text)) continue
    first.set(text, at)
    const last = lanes.get(laneOf(text)) ?? -1
    if (numberOf(text) < last) found.push({ at, what: `${text} reached the server after number ${last}` })
    lanes.set(laneOf(text), numberOf(text))
  }
  const last = connections(tale).at(-1)
  const isStill = of(entries, "State").findLast(({ at }) => at <= endOfRun(run))?.what.state === "Connected"
  if (last === undefined || !isStill) return found
  const reported = new Set(
    run.scenario.inDoubt === "report"
      ? of(entries, "Event").flatMap(({ what }) => (what.event._tag === "InDoubt" ? ["some"] : []))
      : []
  )
  for (const { at, what } of of(entries, "Accepted")) {
    if (what.kind !== "reliable" || at < last.from || first.has(what.text) || reported.size > 0) continue
    found.push({ at, what: `${what.text} was accepted and never reached the server` })
  }
  return found
}
const endOfRun = (run: Run) => (of(run.entries, "Healed")[0]?.at ?? 0) + settling

const sequencesHaveNoGap: Check = ({ entries }) =>
  of(entries, "Skipped").map(({ at, what }) => ({ at, what: `sequence ${what.to} was sent after ${what.from}` }))

const isReceivedOnceInOrder: Check = ({ entries, run }) => {
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  const sent = new Set(of(run.entries, "Sending").map(({ what }) => what.text))
  const lanes = new Map<string, number>()
  const seen = new Set<string>()
  for (const { at, what } of of(entries, "Received")) {
    const { from, kind, text } = what
    if (!sent.has(text) || !text.startsWith(`${from}/`))
      found.push({ at, what: `${text} came from ${from} and was not sent` })
    if (seen.has(text)) found.push({ at, what: `${text} came twice` })
    seen.add(text)
    if (kind === "lossy") continue
    const last = lanes.get(laneOf(text)) ?? -1
    if (!seen.has(text) || numberOf(text) < last) found.push({ at, what: `${text} came after number ${last}` })
    lanes.set(laneOf(text), numberOf(text))
  }
  return found
}

/** What the server sent to a session that lived on was received. */
const nothingIsLostWithinASession: Check = (tale) => {
  const { entries, name, run } = tale
  const events = of(entries, "Event")
  const joined = events.findLast(({ what }) => what.event._tag === "Joined")
  if (joined === undefined || joined.what.event._tag !== "Joined") return []
  const sid = joined.what.event.response.participant?.sid ?? ""
  const connected = events.find(
    ({ at, what }) => at >= joined.at && (what.event._tag === "Connected" || what.event._tag === "Reconnected")
  )
  const ended = events.find(({ at, what }) => at >= joined.at && what.event._tag === "Disconnected")
  if (connected === undefined || (ended !== undefined && ended.at < endOfRun(run))) return []
  const received = new Set(of(entries, "Received").map(({ what }) => what.text))
  const seen = new Set<string>()
  // What is sent again after a full reconnect is older than what was received since, and dropped for the sake of order.
  const isFirst = (text: string) => !seen.has(text) && seen.add(text) !== undefined
  return of(run.entries, "Forwarded")
    .filter(({ what }) => isFirst(what.text))
    .filter(
      ({ at, what, who }) =>
        who !== name &&
        what.kind === "reliable" &&
        what.to.includes(sid) &&
        at >= connected.at + slack &&
        at < endOfRun(run) &&
        !received.has(what.text)
    )
    .map(({ at, what }) => ({ at, what: `${what.text} was sent to ${sid} and never received` }))
}

const oneSocketAtATime: Check = ({ entries }) => {
  const open = new Set<number>()
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  for (const { at, what } of entries) {
    if (what._tag === "Dial") {
      if (open.size > 0)
        found.push({ at, what: `socket ${what.socket} was dialled while ${[...open].join()} was not closed` })
      open.add(what.socket)
    }
    if (what._tag === "SocketClosed") open.delete(what.socket)
  }
  return found
}

const attemptsAreWithinThePolicy: Check = ({ entries, run }) => {
  const found: Array<Omit<Violation, "who" | "invariant">> = []
  let began: number | undefined
  let dials: Array<number> = []
  let urgent = 0
  for (const { at, what } of entries) {
    if (what._tag === "ReconnectNow" || (what._tag === "Got" && what.message === "leave")) urgent++
    if (what._tag === "State") {
      if (what.state === "Resuming" || what.state === "Reconnecting") {
        if (began !== undefined) continue
        began = at
        dials = []
        urgent = 0
      } else began = undefined
    }
    if (what._tag !== "Dial" || began === undefined) continue
    dials.push(at)
    // A join may dial twice: the route of one peer connection, then that of two.
    const allowed = 2 * (run.scenario.policy === "reference" ? 10 : attemptsWithin(at - began)) + 2 * urgent
    if (dials.length > allowed) {
      found.push({
        at,
        what: `${dials.length} dials within ${at - began} ms of an outage; the policy allows ${allowed}`
      })
      began = undefined
    }
  }
  return found
}
/** How many attempts the default schedule makes at most in a time: half of each delay is the shortest that jitter makes. */
const attemptsWithin = (millis: number): number => {
  let attempts = 1
  for (let elapsed = 0; elapsed <= millis; elapsed += Math.min(5_000, 50 + elapsed * 0.12) / 2) attempts++
  return attempts
}

const requestsWaitForTheConnection: Check = (tale) =>
  of(tale.entries, "Said")
    .filter(({ what }) => what.message === "updateMetadata")
    .flatMap(({ at }) => {
      const state = stateSpells(tale).findLast(({ from }) => from <= at)?.value
      return state === "Resuming" ? [{ at, what: "a request that had to wait went out during a resume" }] : []
    })

const checks: Readonly<Record<string, Check>> = {
  "state transitions are legal": statesAreLegal,
  "events come in their order": eventsAreInOrder,
  "Connected is said on evidence": isConnectedOnEvidence,
  "the end of a socket is noticed": socketEndIsNoticed,
  "an outage ends": outagesEnd,
  "a connection ends with a cause": endsWithACause,
  "all is well in the end": isWellInTheEnd,
  "what is accepted reaches the server in order": arrivesAtTheServer,
  "sequences have no gap": sequencesHaveNoGap,
  "packets come once, in order, and were sent": isReceivedOnceInOrder,
  "nothing is lost within a session": nothingIsLostWithinASession,
  "one socket at a time": oneSocketAtATime,
  "attempts are within the policy": attemptsAreWithinThePolicy,
  "requests wait for the connection": requestsWaitForTheConnection
}

const ofTheWhole = (run: Run): ReadonlyArray<Violation> => {
  const whole = (invariant: string, what: string): Violation => ({ invariant, who: "-", at: run.millis, what })
  const counts = (of: object) =>
    Object.entries(of)
      .filter(([, count]) => count !== 0)
      .map(([key, count]) => `${count} ${key}`)
  const left = counts(run.ofEngines ?? {})
  const leftAtTheEnd = counts(run.left)
  return [
    ...(run.hung === undefined ? [] : [whole("a run ends", `the run never ended: ${run.hung}`)]),
    ...run.defects.map((defect) => whole("no defects", `a fiber died of ${String(defect)}`)),
    ...run.blocked.map((text) => whole("senders are not blocked", `the sender of ${text} waits although all is well`)),
    ...run.unprobed.map((missing) => whole("those who are connected hear each other", `missing: ${missing}`)),
    ...(left.length > 0 ? [whole("nothing is left of an engine", `left after its scope: ${left.join(", ")}`)] : []),
    ...(leftAtTheEnd.length > 0 && run.hung === undefined && run.defects.length === 0
      ? [whole("nothing is left in the end", `left after everything: ${leftAtTheEnd.join(", ")}`)]
      : []),
    ...run.participantsLeft.map((identity) => whole("the server is told", `${identity} is still in the room`))
  ]
}

/** What was broken, in the order of time. */
export const check = (run: Run): ReadonlyArray<Violation> => {
  const own = run.scenario.participants.flatMap((participant, index) => {
    const name = Scenario.nameOf(index)
    const entries = run.entries.filter(({ who }) => who === name || who === "-")
    const tale: Tale = { name, participant, entries, run }
    return Object.entries(checks).flatMap(([invariant, broken]) =>
      broken(tale).map((violation) => ({ ...violation, invariant, who: name }))
    )
  })
  return [...own, ...ofTheWhole(run)].toSorted((a, b) => a.at - b.at)
}
