/**
 * Commands to the session in a page, and whom it talks to.
 */
import { Effect, Option, PubSub, Redacted, Stream } from "effect"
import { RTCEngine } from "effect-livekit"
import type { DevServer } from "effect-livekit/dev-server"
import type { Page } from "playwright-core"

export const mount = Effect.fnUntraced(function* (
  page: Page,
  server: DevServer.DevServer["Service"],
  identity: string
) {
  const token = Redacted.value(yield* server.token({ identity, room: "room" }))
  yield* Effect.promise(() =>
    page.evaluate(([url, token]) => void (globalThis.app.mounted = globalThis.app.mount(url, token)), [
      server.url,
      token
    ] as const)
  )
})

export const connected = (page: Page) =>
  Effect.promise(() => page.waitForFunction(() => globalThis.app.mounted?.events.includes("Connected")))

export const send = (page: Page, text: string) =>
  Effect.promise(() => page.evaluate((text) => globalThis.app.mounted?.send(text), text))

/** Waits until a page has received these texts, and no others. */
export const received = (page: Page, texts: ReadonlyArray<string>) =>
  Effect.promise(() =>
    page.waitForFunction(
      (expected) => JSON.stringify(globalThis.app.mounted?.received) === expected,
      JSON.stringify(texts),
      // A hidden page draws no frames, which would otherwise be waited for.
      { polling: 100 }
    )
  )

/** Bob, in Node; what he hears, and how he hears that a participant has left. */
export const makeBob = Effect.fnUntraced(function* (server: DevServer.DevServer["Service"]) {
  const engine = yield* RTCEngine.make
  const events = yield* engine.subscribeEvents
  const packets = yield* engine.subscribePackets
  const token = yield* server.token({ identity: "bob", room: "room" })
  yield* engine.connect({ url: server.url, token })
  const left = (identity: string) =>
    Stream.fromSubscription(events).pipe(
      Stream.flatMap((event) => Stream.fromIterable(event._tag === "ParticipantsUpdated" ? event.participants : [])),
      Stream.filter((participant) => participant.identity === identity && participant.state === 3),
      Stream.runHead,
      Effect.map((participant) => Option.getOrThrow(participant).disconnectReason),
      Effect.timeout(10_000)
    )
  /** What is said to him next. */
  const heard = Effect.map(PubSub.take(packets), ({ packet: { value } }) =>
    value.case === "user" ? new TextDecoder().decode(value.value.payload) : undefined
  ).pipe(Effect.timeout(10_000))
  return { engine, left, heard }
})
