/**
 * Two real peer connections, of which one adds a track while its answers are lost, and then restarts ICE.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { PeerConnectionTransport, type PeerConnectionFactory, type RtcMedia, Sdp } from "effect-livekit"

const configuration: PeerConnectionFactory.RtcConfiguration = { iceServers: [], iceTransportPolicy: "all" }
const deaf = { onIceCandidate: () => {}, onDataChannel: () => {} }

const mids = (sdp: string) => Sdp.sections(sdp).map(({ mid }) => mid)

export const restartedOffer = Effect.fnUntraced(function* (track: RtcMedia.MediaTrack) {
  const offers = yield* Queue.unbounded<{ readonly sdp: string; readonly id: number }>()
  const near = yield* PeerConnectionTransport.make({
    ...deaf,
    target: "publisher",
    configuration,
    sendOffer: (offer) => Queue.offer(offers, offer)
  })
  const far = yield* PeerConnectionTransport.make({ ...deaf, target: "publisher", configuration })
  yield* near.createDataChannel("channel", { ordered: true })

  const joining = yield* Effect.forkChild(near.negotiate(), { startImmediately: true })
  const first = yield* Queue.take(offers)
  yield* near.acceptAnswer((yield* far.acceptOffer(first.sdp)).sdp, first.id)
  yield* Fiber.join(joining)

  yield* near.media.addTransceiver(track, { direction: "sendonly" })
  const adding = yield* Effect.forkChild(near.negotiate(), { startImmediately: true })
  const second = yield* Queue.take(offers)
  yield* far.acceptOffer(second.sdp)
  const restarting = yield* Effect.forkChild(near.negotiate({ iceRestart: true }), { startImmediately: true })
  const third = yield* Queue.take(offers)
  assert.deepStrictEqual(mids(third.sdp), mids(second.sdp))
  yield* near.acceptAnswer((yield* far.acceptOffer(third.sdp)).sdp, third.id)
  yield* Effect.forEach([adding, restarting], Fiber.join)
})
