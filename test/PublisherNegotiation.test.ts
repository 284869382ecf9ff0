import {
  JoinResponse,
  LeaveRequest_Action,
  DisconnectReason,
  MediaSectionsRequirement,
  Pong,
  ReconnectResponse,
  SessionDescription,
  SignalResponse,
  SignalTarget,
  SubscriptionResponse
} from "@livekit/protocol"
import { assert, describe } from "@effect/vitest"
import { Effect, PubSub } from "effect"
import { Packet, Sdp } from "effect-livekit"
import { RtpTrack, TestServer, VirtualTime } from "effect-livekit/testing"
import { count, last, meet, tags, test as on } from "./suites/inMemory.ts"
import * as wire from "./suites/wire.ts"

const { elapse } = VirtualTime

const offers = (alice: wire.Observed) => wire.asked(alice, "offer").map(({ value }) => value)
const directions = (sdp: string) => Sdp.sections(sdp).map(({ direction, kind }) => `${kind} ${direction}`)
const ufrag = (sdp: string) => /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]

describe("the publisher's negotiation", () => {
  for (const mode of ["single", "dual"] as const) {
    on(
      `follows by itself on what changes its media, and only sends (S61, S63, S67, S68, S70) (${mode})`,
      Effect.gen(function* () {
        const alice = yield* wire.join("alice", mode)
        const before = offers(alice).length
        const { track } = yield* RtpTrack.source("opus")
        yield* alice.engine.createSenderTransceiver(track)
        yield* elapse("1 second")
        assert.strictEqual(offers(alice).length, before + 1)
        assert.deepStrictEqual(directions(offers(alice).at(-1)?.sdp ?? ""), ["audio sendonly"])
        yield* alice.engine.removeTrack(track.id)
        yield* elapse("1 second")
        assert.deepStrictEqual(directions(offers(alice).at(-1)?.sdp ?? ""), ["audio inactive"])
        assert.strictEqual(offers(alice).length, before + 2)
        yield* alice.engine.removeTrack(track.id)
        yield* elapse("1 second")
        assert.strictEqual(offers(alice).length, before + 2, "nothing to remove, nothing to offer")
      })
    )
  }

  on(
    "makes the sections in which a server with one peer connection wants to send",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* wire.join("alice")
      const value = new MediaSectionsRequirement({ numAudios: 1, numVideos: 2 })
      const message = { case: "mediaSectionsRequirement", value } as const
      yield* faults.sendRaw("alice", new SignalResponse({ message }).toBinary())
      yield* elapse("1 second")
      assert.deepStrictEqual(directions(offers(alice).at(-1)?.sdp ?? "").toSorted(), [
        "audio recvonly",
        "video recvonly",
        "video recvonly"
      ])
    })
  )

  on(
    "waits for the signal connection, and is then made up for (S65, S66)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* wire.join("alice")
      const before = offers(alice).length
      yield* faults.stallNextDial
      yield* faults.dropSignal("alice")
      yield* elapse("1 second")
      const { track } = yield* RtpTrack.source("opus")
      yield* alice.engine.createSenderTransceiver(track)
      yield* elapse("1 second")
      assert.strictEqual(offers(alice).length, before)
      yield* elapse("20 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.strictEqual(yield* alice.engine.state, "Connected")
      assert.deepStrictEqual(directions(offers(alice).at(-1)?.sdp ?? ""), ["audio sendonly"])
      assert.isTrue(Sdp.sections(lastAnswer(alice)).some(Sdp.isReceiving))
    })
  )

  for (const iceRestart of [true, false]) {
    on(
      `waits for it as long as an outage lasts, which is no answer that is late (ICE restart: ${iceRestart})`,
      Effect.gen(function* () {
        const { alice, faults } = yield* meet({ mode: "single", iceRestart })
        yield* faults.refuseDials
        yield* faults.dropSignal("alice")
        yield* elapse("1 second")
        const { track } = yield* RtpTrack.source("opus")
        yield* alice.engine.createSenderTransceiver(track)
        yield* elapse("30 seconds")
        yield* faults.acceptDials
        yield* elapse("5 seconds")
        assert.deepStrictEqual([count(alice, "Resumed"), count(alice, "Reconnecting")], [1, 0])
      })
    )
  }

  on(
    "restarts ICE while the engine resumes, and else goes on with what there is (S68, S98)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* wire.join("alice")
      for (let index = 0; index < 2; index++) {
        const { track } = yield* RtpTrack.source("opus")
        yield* alice.engine.createSenderTransceiver(track)
        yield* elapse("1 second")
      }
      const [first, second] = offers(alice)
        .slice(-2)
        .map(({ sdp }) => ufrag(sdp))
      assert.strictEqual(second, first)
      yield* faults.dropSignal("alice")
      yield* elapse("3 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.notStrictEqual(ufrag(offers(alice).at(-1)?.sdp ?? ""), first)
    })
  )

  on(
    "makes one offer after the other, however fast its causes come (S71, S143)",
    Effect.gen(function* () {
      const alice = yield* wire.join("alice", "dual")
      for (let index = 0; index < 4; index++) {
        const { track } = yield* RtpTrack.source("opus")
        yield* alice.engine.createSenderTransceiver(track)
        yield* elapse(index % 2 === 0 ? "21 millis" : "1 millis")
      }
      yield* elapse("2 seconds")
      const exchange = alice.wire.flatMap(({ from, message }) =>
        (from === "client" && message.case === "offer") || (from === "server" && message.case === "answer")
          ? [[message.case, message.value.id] as const]
          : []
      )
      const ids = exchange.filter(([which]) => which === "offer").map(([, id]) => id)
      assert.isAtLeast(ids.length, 2)
      assert.deepStrictEqual(
        exchange,
        ids.flatMap((id) => [["offer", id] as const, ["answer", id] as const])
      )
      assert.strictEqual(directions(offers(alice).at(-1)?.sdp ?? "").length, 4)
    })
  )
})

describe("a description of the server that cannot be used", () => {
  for (const which of ["answer", "offer"] as const) {
    for (const sdp of ["garbage", "", "v=0\r\nm=nonsense\r\n"]) {
      on(
        `as ${which} leaves a connection that works (S141, S142): ${JSON.stringify(sdp)}`,
        Effect.gen(function* () {
          const { faults } = yield* TestServer.TestServer
          const alice = yield* wire.join("alice", "dual")
          const bob = yield* wire.join("bob", "dual")
          const heard = yield* bob.engine.subscribePackets
          const { track } = yield* RtpTrack.source("opus")
          yield* alice.engine.createSenderTransceiver(track)
          const value = new SessionDescription({ type: which, sdp })
          yield* faults.sendRaw("alice", new SignalResponse({ message: { case: which, value } }).toBinary())
          yield* elapse("40 seconds")
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.strictEqual(count(alice, "Disconnected"), 0)
          yield* VirtualTime.advancing(alice.engine.sendData(Packet.user("still here")))
          assert.strictEqual((yield* VirtualTime.advancing(PubSub.take(heard))).packet.value.case, "user")
        })
      )
    }
  }
})

describe("on the wire", () => {
  on(
    "candidates are told with their target, as JSON, and those of the server find theirs (SC26, S144)",
    Effect.gen(function* () {
      const alice = yield* wire.join("alice", "dual")
      const { track } = yield* RtpTrack.source("opus")
      yield* alice.engine.createSenderTransceiver(track)
      yield* elapse("1 second")
      const told = wire.asked(alice, "trickle").map(({ value }) => value)
      assert.sameMembers(
        [...new Set(told.map(({ target }) => target))],
        [SignalTarget.PUBLISHER, SignalTarget.SUBSCRIBER]
      )
      for (const { candidateInit } of told) {
        const candidate: unknown = JSON.parse(candidateInit)
        assert.hasAllKeys(candidate, ["candidate", "sdpMid", "sdpMLineIndex"])
      }
      // The publisher is the one with channels of ours.
      const said = alice.wire.flatMap(({ from, message }) =>
        from === "server" && message.case === "trickle" ? [message.value] : []
      )
      const isPublishers = ({ channels }: (typeof alice.added)[number]) => channels.includes("_reliable")
      assert.strictEqual(alice.added.length, said.length)
      assert.strictEqual(
        alice.added.filter(isPublishers).length,
        said.filter(({ target }) => target === SignalTarget.PUBLISHER).length
      )
      for (const one of alice.added) {
        const of = said.find(({ candidateInit }) => candidateInit.includes(one.candidate))
        assert.strictEqual(of?.target, isPublishers(one) ? SignalTarget.PUBLISHER : SignalTarget.SUBSCRIBER)
      }
      const evidence = last(alice, "Connected")?.evidence
      assert.deepStrictEqual(evidence?.connected.includes("subscriber"), true)
      assert.isTrue(Sdp.sections(lastAnswer(alice)).some(Sdp.isReceiving))
    })
  )

  on(
    "the subscriber answers and never offers (S142, PT7)",
    Effect.gen(function* () {
      const alice = yield* wire.join("alice", "dual")
      const bob = yield* wire.join("bob", "dual")
      const { track } = yield* RtpTrack.source("opus")
      yield* VirtualTime.advancing(alice.engine.publishTrack(track))
      yield* elapse("1 second")
      const own = wire.asked(bob, "answer").map(({ value }) => value)
      const theirs = bob.wire.flatMap(({ from, message }) =>
        from === "server" && message.case === "offer" ? [message.value.id] : []
      )
      assert.isAtLeast(theirs.length, 2)
      assert.deepStrictEqual(
        own.map(({ id }) => id),
        theirs
      )
      assert.deepStrictEqual(directions(own.at(-1)?.sdp ?? ""), ["audio recvonly"])
      assert.isTrue(offers(bob).every(({ sdp }) => directions(sdp).length === 0))
    })
  )

  on(
    "goodbye is said with the client's reason (SC30)",
    Effect.gen(function* () {
      const alice = yield* wire.join("alice")
      yield* alice.engine.disconnect
      const [leave] = wire.asked(alice, "leave")
      assert.deepInclude(leave?.value, {
        reason: DisconnectReason.CLIENT_INITIATED,
        action: LeaveRequest_Action.DISCONNECT
      })
    })
  )

  on(
    "what has no meaning once the connection stands is ignored, and nothing else is lost (SC32)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* wire.join("alice")
      const say = (message: SignalResponse["message"]) =>
        Effect.andThen(faults.sendRaw("alice", new SignalResponse({ message }).toBinary()), VirtualTime.settle)
      const before = tags(alice).length
      yield* say({ case: "join", value: new JoinResponse() })
      yield* say({ case: "reconnect", value: new ReconnectResponse() })
      yield* say({ case: "pong", value: 1n })
      yield* say({ case: "pongResp", value: new Pong() })
      assert.strictEqual(tags(alice).length, before)
      yield* say({ case: "subscriptionResponse", value: new SubscriptionResponse({ trackSid: "TR_1" }) })
      assert.strictEqual(last(alice, "SubscriptionAnswered")?.response.trackSid, "TR_1")
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )
})

const lastAnswer = (alice: wire.Observed) =>
  alice.wire
    .flatMap(({ from, message }) => (from === "server" && message.case === "answer" ? [message.value.sdp] : []))
    .at(-1) ?? ""
