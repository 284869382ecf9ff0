/**
 * The page: a server, two participants, and what can be done to them.
 */
import { Effect, FiberSet, Schedule, Stream, SubscriptionRef } from "effect"
import { PageScheduler } from "effect-livekit/browser"
import { controlled } from "./controlled.ts"
import { byId, element } from "./dom.ts"
import { ownServer } from "./ownServer.ts"
import * as Participant from "./Participant.ts"
import * as ParticipantView from "./ParticipantView.ts"
import * as Video from "./Video.ts"
import * as TimelineView from "./TimelineView.ts"

const control = controlled(location.origin)

/** Milliseconds for which a restarted server is away. */
const downFor = 1_500

const happened = (at: number, text: string) => {
  const list = byId("happened")
  list.prepend(element("li", {}, element("time", {}, new Date(at).toLocaleTimeString("en-GB")), ` ${text}`))
  while (list.children.length > 200) list.lastElementChild?.remove()
}

const messageOf = (defect: unknown) => (defect instanceof Error ? defect.message : String(defect))

const program = Effect.gen(function* () {
  const fork = yield* FiberSet.makeRuntime<never, void>()
  /** What somebody asked for, and why it was not done. */
  const run = (effect: Effect.Effect<void>) =>
    fork(Effect.catchDefect(effect, (defect) => Effect.sync(() => happened(Date.now(), messageOf(defect)))))
  const server = yield* ownServer
  const hasTraffic = yield* SubscriptionRef.make(true)
  const make = (identity: string, other: string) => Participant.make({ identity, other, server, control, hasTraffic })
  const participants = yield* Effect.all([make("alice", "bob"), make("bob", "alice")])

  const views = yield* Effect.forEach(participants, (participant) => ParticipantView.make(participant, run))
  byId("participants").append(...views.map(({ card }) => card))
  for (const participant of participants) {
    yield* participant.notes.pipe(
      Stream.runForEach((note) =>
        Effect.sync(() => {
          if (note._tag === "Happened") return happened(note.at, note.text)
          const view = views[participants.indexOf(participant)]
          view?.said(note.by, note.text)
        })
      ),
      Effect.forkScoped
    )
  }

  yield* Effect.forEach(views, (view, index) => {
    const participant = participants[index]
    return participant === undefined ? Effect.void : Video.show(participant, view)
  })

  const restart = element("button", { type: "button", class: "danger" }, "Restart the server")
  restart.addEventListener("click", () =>
    run(
      Effect.gen(function* () {
        happened(Date.now(), `the server ends, and starts again in ${downFor / 1000} s with empty rooms`)
        yield* control("restart", { url: server, downFor })
      })
    )
  )
  const traffic = element("button", { type: "button", "aria-pressed": "true" }, "Numbered packets")
  traffic.addEventListener("click", () => run(SubscriptionRef.update(hasTraffic, (isOn) => !isOn)))
  yield* SubscriptionRef.changes(hasTraffic).pipe(
    Stream.runForEach((isOn) => Effect.sync(() => traffic.setAttribute("aria-pressed", String(isOn)))),
    Effect.forkScoped
  )
  byId("server").append(traffic, restart)
  byId("legend").append(
    ...TimelineView.legend.map(([name, color]) =>
      element("li", {}, element("i", { style: `background: var(--${color})`, "aria-hidden": "true" }), name)
    )
  )

  const canvas = byId("timeline")
  const lanes = Effect.forEach(participants, ({ timeline }) => SubscriptionRef.get(timeline))
  const frame = Effect.callback<void>((resume) => {
    const handle = requestAnimationFrame(() => resume(Effect.void))
    return Effect.sync(() => cancelAnimationFrame(handle))
  })
  yield* Effect.andThen(frame, lanes).pipe(
    Effect.tap((lanes) =>
      Effect.sync(() => canvas instanceof HTMLCanvasElement && TimelineView.draw(canvas, lanes, Date.now()))
    ),
    Effect.forever,
    Effect.forkScoped
  )
  yield* lanes.pipe(
    Effect.tap((lanes) => Effect.sync(() => canvas.setAttribute("aria-label", TimelineView.describe(lanes)))),
    Effect.schedule(Schedule.spaced("2 seconds")),
    Effect.forkScoped
  )

  yield* Effect.forEach(participants, ({ join }) => join, { concurrency: "unbounded", discard: true })
  return yield* Effect.never
})

Effect.runFork(
  program.pipe(
    Effect.scoped,
    Effect.provide(PageScheduler.layer),
    Effect.catchDefect((defect) => Effect.sync(() => happened(Date.now(), `the page failed: ${messageOf(defect)}`)))
  )
)
