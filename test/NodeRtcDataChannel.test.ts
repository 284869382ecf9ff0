/**
 * The wrapper of a native channel, whose far end acts on a thread of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import native, { type DataChannel, type PeerConnection } from "node-datachannel"
import { adopt, detached, watchEnd } from "../src/node/NodeRtcDataChannel.ts"

const peer = (name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new native.PeerConnection(name, { iceServers: [] })),
    (peer) => Effect.sync(() => peer.close())
  )

const tell = (from: PeerConnection, to: PeerConnection) => {
  from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type))
  from.onLocalCandidate((candidate, mid) => to.addRemoteCandidate(candidate, mid))
}

/** Keeps the program busy while native threads go on. */
const stall = () => {
  const until = performance.now() + 200
  while (performance.now() < until);
}

describe("a native channel", () => {
  it.live("tells its end although that came while it was taken over", () =>
    Effect.gen(function* () {
      const near = yield* peer("near")
      const far = yield* peer("far")
      const ended = yield* Deferred.make<void>()
      // The far end is asked to close when the channel is watched, and has when it is wrapped.
      const onDataChannel = (channel: DataChannel) => {
        const end = watchEnd(channel)
        assert.isTrue(channel.isOpen())
        ofFar.close()
        stall()
        assert.isFalse(channel.isOpen())
        adopt(channel, { end }).setHandlers({ ...detached, onClose: () => Deferred.doneUnsafe(ended, Effect.void) })
      }
      near.onDataChannel(onDataChannel)
      tell(near, far)
      tell(far, near)
      const ofFar = far.createDataChannel("short")
      yield* Deferred.await(ended)
    }).pipe(Effect.scoped)
  )
})
