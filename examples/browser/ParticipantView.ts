/**
 * The card of a participant: what it sees, hears and says, its figures, and the buttons that trouble it.
 */
import { Effect, type Fiber, type Scope, Stream, SubscriptionRef } from "effect"
import { element } from "./dom.ts"
import * as numbers from "./numbers.ts"
import type { Participant } from "./Participant.ts"

export interface ParticipantView {
  readonly card: HTMLElement
  /** Where what this participant receives of the other is shown. */
  readonly video: HTMLVideoElement
  /** Where what it sends is shown. */
  readonly own: HTMLVideoElement
  readonly said: (by: string, text: string) => void
}

const bytes = (count: number) =>
  count < 1000
    ? `${count} B`
    : count < 1_000_000
      ? `${(count / 1000).toFixed(1)} kB`
      : `${(count / 1_000_000).toFixed(1)} MB`

const figure = (name: string, hint: string) => {
  const value = element("dd", {}, "–")
  return { value, row: element("div", { title: hint }, element("dt", {}, name), value) }
}

export const make = Effect.fnUntraced(function* (
  self: Participant,
  run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
): Effect.fn.Return<ParticipantView, never, Scope.Scope> {
  const { identity, other } = self
  const title = element("h2", { id: `${identity}-title` }, identity)
  const state = element("output", { class: "state", "aria-label": `State of ${identity}` })
  const video = element("video", {
    autoplay: true,
    playsinline: true,
    "aria-label": `What ${identity} sees of ${other}`
  })
  const own = element("video", {
    class: "own",
    autoplay: true,
    playsinline: true,
    "aria-label": `What ${identity} sends`
  })
  video.muted = true
  own.muted = true
  const waiting = element("p", { class: "waiting" }, `no picture of ${other}`)
  video.addEventListener("loadeddata", () => (waiting.hidden = true))
  video.addEventListener("emptied", () => (waiting.hidden = false))

  const rtt = figure("Round trip", "of the last ping on the signal connection")
  const flight = figure("In flight", "bytes of reliable data accepted and not on the network yet")
  const replayed = figure(
    "Replayed so far",
    "packets sent again when a session was taken up, because the server had not seen them"
  )
  const inDoubt = figure(
    "In doubt so far",
    "packets handed to a session that was lost; they are sent again, and receivers drop what they have"
  )
  const tally = element("p", { class: "tally" })

  const chat = element("ol", { class: "chat", role: "log", "aria-label": `Chat of ${identity}`, tabindex: 0 })
  const input = element("input", {
    type: "text",
    autocomplete: "off",
    maxlength: 500,
    placeholder: `Say something to ${other}`,
    "aria-label": `Say something to ${other}`
  })
  const send = element("button", { type: "submit" }, "Send")
  const form = element("form", { class: "say" }, input, send)
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const text = input.value.trim()
    if (text === "") return
    input.value = ""
    run(self.say(text))
  })

  const cut = element("button", { type: "button" }, "Cut the signal")
  // Not `disabled` while there is nothing to cut, or whoever pressed it by keyboard would lose his place.
  cut.addEventListener("click", () => {
    if (cut.ariaDisabled !== "true") run(self.cutSignal)
  })
  const block = element("button", { type: "button" }, "Block the media path")
  block.addEventListener("click", () =>
    run(Effect.flatMap(SubscriptionRef.get(self.isBlocked), (is) => self.setBlocked(!is)))
  )
  const film = element("button", { type: "button", "aria-pressed": "false" }, "Camera")
  film.addEventListener("click", () => run(SubscriptionRef.update(self.isFilming, (is) => !is)))
  const presence = element("button", { type: "button" }, "Leave")
  presence.addEventListener("click", () => run(presence.textContent === "Leave" ? self.leave : self.join))

  yield* self.engine.stateChanges.pipe(
    Stream.runForEach((next) =>
      Effect.sync(() => {
        state.textContent = next
        state.dataset["state"] = next
        const isThere = next !== "Disconnected"
        presence.textContent = isThere ? "Leave" : "Join"
        cut.ariaDisabled = String(next !== "Connected")
        input.disabled = !isThere || next === "Connecting"
        send.disabled = input.disabled
      })
    ),
    Effect.forkScoped
  )
  yield* SubscriptionRef.changes(self.isBlocked).pipe(
    Stream.runForEach((is) =>
      Effect.sync(() => {
        // Not `aria-pressed`: its name says what it does next.
        block.dataset["on"] = String(is)
        block.textContent = is ? "Open the media path" : "Block the media path"
      })
    ),
    Effect.forkScoped
  )
  yield* SubscriptionRef.changes(self.isFilming).pipe(
    Stream.runForEach((is) => Effect.sync(() => film.setAttribute("aria-pressed", String(is)))),
    Effect.forkScoped
  )
  yield* SubscriptionRef.changes(self.figures).pipe(
    Stream.runForEach((figures) =>
      Effect.sync(() => {
        rtt.value.textContent = figures.rtt === undefined ? "–" : `${figures.rtt} ms`
        flight.value.textContent = bytes(figures.bytesInFlight)
        replayed.value.textContent = String(figures.replayed)
        inDoubt.value.textContent = String(figures.inDoubt)
        tally.textContent = numbers.describe(figures.tally, other)
        tally.dataset["trouble"] = String(figures.tally.lost + figures.tally.twice + figures.tally.outOfOrder > 0)
      })
    ),
    Effect.forkScoped
  )

  const card = element(
    "article",
    { class: "panel participant", "data-identity": identity, "aria-labelledby": `${identity}-title` },
    element("header", {}, title, state),
    element("div", { class: "picture" }, waiting, video, own),
    element("dl", { class: "figures" }, rtt.row, flight.row, replayed.row, inDoubt.row),
    tally,
    element(
      "div",
      { class: "actions", role: "group", "aria-label": `What to do with ${identity}` },
      cut,
      block,
      film,
      presence
    ),
    chat,
    form
  )
  return {
    card,
    video,
    own,
    said: (by, text) => {
      chat.append(element("li", { class: by === identity ? "mine" : "theirs" }, element("b", {}, by), ` ${text}`))
      chat.scrollTop = chat.scrollHeight
    }
  }
})
