/**
 * WebRTC: which ways to the server are open, and what data and resumes do on them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as NodeDataChannel from "../../node/NodeDataChannel.ts"
import { layerPlatform, layerServicesWithoutDependencies } from "../../node/NodePlatform.ts"
import { openWebSocket } from "../../node/openWebSocket.ts"
import * as Packet from "../../Packet.ts"
import { type IceServer, PeerConnectionFactory } from "../../PeerConnectionFactory.ts"
import * as RTCEngine from "../../RTCEngine.ts"
import * as WebSocketConstructor from "../../WebSocketConstructor.ts"
import { optional } from "../optional.ts"
import { addresses, described, isPathless, named, noPath, restricted } from "./candidates.ts"
import { failed, ok, skipped, warning } from "./Check.ts"
import { opens } from "./network.ts"

/** An engine whose candidates are seen, whose sockets can be cut, and which goes straight or through TURN only. */
export interface Patient {
  readonly engine: RTCEngine.Engine
  /** Candidates of the server, as they came. */
  readonly candidates: ReadonlyArray<string>
  readonly cut: Effect.Effect<void>
}

const isTurn = (url: string) => /^turns?:/i.test(url)

export const turnUrls = (servers: ReadonlyArray<{ readonly urls: ReadonlyArray<string> }>): ReadonlyArray<string> =>
  servers.flatMap(({ urls }) => urls).filter(isTurn)

const withoutTurn = (servers: ReadonlyArray<IceServer>): ReadonlyArray<IceServer> =>
  servers
    .map((server) => ({ ...server, urls: server.urls.filter((url) => !isTurn(url)) }))
    .filter(({ urls }) => urls.length > 0)

const makePatient = Effect.fnUntraced(function* (
  webRtc: Layer.Layer<PeerConnectionFactory> = NodeDataChannel.layer
): Effect.fn.Return<Patient, never, Scope.Scope> {
  const candidates: Array<string> = []
  const sockets: Array<WebSocketConstructor.WebSocketLike> = []
  const factory = Layer.effect(
    PeerConnectionFactory,
    Effect.map(PeerConnectionFactory, (runtime) => ({
      ...runtime,
      make: (configuration, handlers) =>
        runtime
          .make(
            configuration.iceTransportPolicy === "relay"
              ? configuration
              : { ...configuration, iceServers: withoutTurn(configuration.iceServers) },
            handlers
          )
          .pipe(
            Effect.map((peer) => ({
              ...peer,
              setRemoteDescription: (description) => {
                candidates.push(...described(description.sdp))
                return peer.setRemoteDescription(description)
              },
              addIceCandidate: (candidate) => {
                candidates.push(candidate.candidate)
                return peer.addIceCandidate(candidate)
              }
            }))
          )
    }))
  ).pipe(Layer.provide(webRtc))
  const webSockets = WebSocketConstructor.layer((url) => {
    const socket = openWebSocket(url)
    sockets.push(socket)
    return socket
  })
  const services = yield* Layer.build(
    layerServicesWithoutDependencies.pipe(
      Layer.provide(factory),
      Layer.provide(webSockets),
      Layer.provide(layerPlatform)
    )
  )
  const engine = yield* RTCEngine.make.pipe(Effect.provideContext(services))
  return {
    engine,
    candidates,
    cut: Effect.sync(() => {
      for (const socket of sockets.splice(0)) socket.close()
    })
  }
})

/** Connects without TURN, in the caller's scope. */
export const connectDirectly = Effect.fnUntraced(function* (url: string, token: Redacted.Redacted<string>) {
  const patient = yield* makePatient()
  const started = yield* Clock.currentTimeMillis
  const outcome = yield* patient.engine.connect({ url, token }).pipe(
    Effect.matchEffect({
      onFailure: ({ message, reason }) =>
        Effect.succeed(failed(isPathless(reason) ? noPath(patient.candidates) : message, { reason: reason._tag })),
      onSuccess: () =>
        Effect.map(Clock.currentTimeMillis, (now) => ok(`connected straight to the server, after ${now - started} ms`))
    })
  )
  return { patient, outcome }
})

export const checkTcp = Effect.fnUntraced(function* (candidates: ReadonlyArray<string>, isUdpOpen: boolean) {
  const offered = addresses(candidates, "tcp")
  if (offered.length === 0) {
    const verdict = "the server offers no media over TCP"
    return isUdpOpen ? skipped(verdict) : failed(`${verdict}, and UDP does not work: TURN is the only way`)
  }
  const tried = yield* Effect.forEach(
    offered,
    (each) => Effect.map(opens(each.host, each.port), (isOpen) => ({ ...each, isOpen })),
    { concurrency: "unbounded" }
  )
  const names = (isOpen: boolean) => tried.filter((each) => each.isOpen === isOpen).map(named)
  const who = isUdpOpen ? "" : "; browsers and wrtc get through there, node-datachannel does not"
  return names(true).length > 0
    ? ok(`media over TCP is open at ${names(true).join(", ")}${who}`, { tried })
    : warning(`media over TCP is offered at ${names(false).join(", ")} and none of it can be reached from here`, {
        tried
      })
})

export const checkTurn = Effect.fnUntraced(function* (
  url: string,
  token: Redacted.Redacted<string>,
  iceServers: ReadonlyArray<{ readonly urls: ReadonlyArray<string> }>
) {
  const turns = turnUrls(iceServers)
  if (turns.length === 0) return skipped("the server offers no TURN, for networks that let out nothing else")
  const urls = turns.join(", ")
  const wrtc = yield* Effect.option(optional(() => import("../../wrtc/WrtcPeerConnection.ts"), ["@roamhq/wrtc"]))
  if (Option.isNone(wrtc)) {
    const why = "node-datachannel goes straight to the server where it can, even when it is to use relays only"
    return warning(`${urls} cannot be tried: ${why}; npm install @roamhq/wrtc`)
  }
  const { candidates, engine } = yield* makePatient(wrtc.value.layer)
  return yield* engine.connect({ url, token, rtc: { iceTransportPolicy: "relay" } }).pipe(
    Effect.match({
      onSuccess: () => ok(`connected through TURN (${urls})`, { urls: turns }),
      onFailure: ({ message }) =>
        failed(`not connected through ${urls}: ${message}${restricted(candidates)}`, { urls: turns })
    })
  )
}, Effect.scoped)

const rounds = 10

export const checkData = Effect.fnUntraced(function* (from: RTCEngine.Engine, to: RTCEngine.Engine) {
  const atFrom = yield* from.subscribePackets
  const atTo = yield* to.subscribePackets
  yield* Stream.fromSubscription(atTo).pipe(
    Stream.runForEach(() => to.sendData(Packet.user("doctor"))),
    Effect.ignore,
    Effect.forkScoped
  )
  const answers = Stream.fromSubscription(atFrom)
  const round = Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    yield* from.sendData(Packet.user("doctor"))
    yield* Stream.runHead(answers)
    return (yield* Clock.currentTimeMillis) - started
  })
  return yield* Effect.forEach(Array.from({ length: rounds }), () => round).pipe(
    Effect.timeoutOption(10_000),
    Effect.map((times) => {
      if (Option.isNone(times)) return failed("data does not come back within 10 s, though the channels are open")
      const sorted = [...times.value].sort((a, b) => a - b)
      const median = sorted[Math.floor(rounds / 2)] ?? 0
      return ok(`${rounds} of ${rounds} came back, half of them within ${median} ms`, {
        medianMillis: median,
        times: times.value
      })
    }),
    Effect.catch(({ message }) => Effect.succeed(failed(message)))
  )
}, Effect.scoped)

export const checkResume = Effect.fnUntraced(function* ({ cut, engine }: Patient) {
  const events = yield* engine.subscribeEvents
  const started = yield* Clock.currentTimeMillis
  yield* cut
  const back = yield* Stream.fromSubscription(events).pipe(
    Stream.filter(({ _tag }) => _tag === "Resumed" || _tag === "Reconnected" || _tag === "Disconnected"),
    Stream.runHead,
    Effect.timeoutOption(20_000),
    Effect.map(Option.flatten)
  )
  const millis = (yield* Clock.currentTimeMillis) - started
  if (Option.isNone(back)) return failed("the connection did not come back within 20 s after its WebSocket was cut")
  switch (back.value._tag) {
    case "Resumed":
      return ok(`the session was taken up again ${millis} ms after its WebSocket was cut`, { millis })
    case "Reconnected":
      return warning(`the server did not take the session up again; a new join stood after ${millis} ms`, { millis })
    default:
      return failed("the connection ended when its WebSocket was cut")
  }
}, Effect.scoped)
