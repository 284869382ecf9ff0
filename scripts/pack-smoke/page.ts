/**
 * The page of an application that Vite builds.
 */
import { Effect, Redacted } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { BrowserRTCEngine } from "effect-livekit/browser"

const query = new URLSearchParams(location.search)
const show = (text: string) => Effect.sync(() => document.body.append(text))

const program = Effect.gen(function* () {
  const engine = yield* RTCEngine.RTCEngine
  const token = Redacted.make(query.get("token") ?? "")
  yield* engine.connect({ url: query.get("url") ?? "", token })
  yield* engine.sendData(Packet.user("hello from a page"))
  yield* show("connected")
  return yield* Effect.never
}).pipe(
  Effect.catch(({ message }) => show(message)),
  Effect.scoped,
  Effect.provide(BrowserRTCEngine.layer)
)

Effect.runFork(program)
