/**
 * What a client is told, whatever server it is on: the development server says what a LiveKit server says.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  AddTrackRequest,
  DisconnectReason,
  LeaveRequest_Action,
  type ParticipantInfo,
  ParticipantInfo_State,
  RequestResponse_Reason,
  SessionDescription,
  TrackSource,
  TrackType,
  TrickleRequest,
  UpdateParticipantMetadata
} from "@livekit/protocol"
import { type Cause, Effect, type Layer, Redacted, type Scope } from "effect"
import type { AccessToken } from "effect-livekit/dev-server"
import { servers } from "./clients/servers.ts"
import { dial, joinRequest, type RawSignal } from "./suites/signalClient.ts"

const { LIMIT_EXCEEDED, NOT_FOUND, OK, QUEUED, UNCLASSIFIED_ERROR } = RequestResponse_Reason

const claimsOf = (token: string): { readonly sub: string } & Partial<Pick<ParticipantInfo, "metadata" | "name">> =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"))

const heardOf = (signal: RawSignal, identity: string): Effect.Effect<ParticipantInfo, Cause.Done> =>
  Effect.flatMap(signal.nextOf("update"), ({ participants }) => {
    const found = participants.find((participant) => participant.identity === identity)
    return found === undefined ? heardOf(signal, identity) : Effect.succeed(found)
  })

const section = (lines: ReadonlyArray<string>) =>
  ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", ...lines, ""].join("\r\n")

for (const { name, runtime, server } of servers) {
  const rule = (
    title: string,
    test: (
      join: (
        identity: string,
        grant?: Partial<AccessToken.TokenOptions>,
        fields?: Parameters<typeof joinRequest>[0]
      ) => Effect.Effect<RawSignal, unknown, Scope.Scope>
    ) => Effect.Effect<void, unknown, Scope.Scope | Layer.Success<typeof runtime>>
  ) =>
    it.live(
      title,
      () =>
        Effect.gen(function* () {
          const { token, url } = yield* server
          yield* test(
            Effect.fnUntraced(function* (identity, grant, fields) {
              const access_token = Redacted.value(yield* token(identity, grant))
              const query = new URLSearchParams({ access_token, join_request: joinRequest(fields) })
              return yield* dial(`${url}/rtc?${query}`)
            })
          )
        }).pipe(Effect.scoped, Effect.provide(runtime)),
      20_000
    )
  const add = (signal: RawSignal, cid: string, fields: Partial<AddTrackRequest> = {}) =>
    signal.request({ case: "addTrack", value: new AddTrackRequest({ cid, type: TrackType.AUDIO, ...fields }) })
  const answer = (signal: RawSignal) => signal.nextOf("requestResponse")

  describe(`on ${name}`, () => {
    rule("a participant is joining when it is told of itself first, and then has joined", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice")
        assert.strictEqual((yield* alice.nextOf("join")).participant?.state, ParticipantInfo_State.JOINING)
        const bob = yield* join("bob")
        const [other] = (yield* bob.nextOf("join")).otherParticipants
        assert.deepInclude(other, { identity: "alice", state: ParticipantInfo_State.JOINED })
        assert.strictEqual((yield* heardOf(alice, "alice")).state, ParticipantInfo_State.JOINED)
      })
    )

    rule("what else is asked for with a client id waits in a queue of three (M1)", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice")
        add(alice, "cid", { name: "first" })
        const { cid, track } = yield* alice.nextOf("trackPublished")
        assert.deepStrictEqual([cid, track?.name], ["cid", "first"])
        for (const reason of [QUEUED, QUEUED, LIMIT_EXCEEDED]) {
          add(alice, "cid", { name: "again" })
          const { message, reason: actual, request } = yield* answer(alice)
          assert.strictEqual(actual, reason)
          assert.isTrue(request.case === "addTrack" && request.value.name === "again")
          if (reason === LIMIT_EXCEEDED) assert.include(message, "too many pending queued tracks")
        }
      })
    )

    rule("there are never more than twenty tracks that wait for their media (M1)", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice")
        for (let index = 0; index < 20; index++) {
          add(alice, `cid${index}`)
          assert.strictEqual((yield* alice.nextOf("trackPublished")).cid, `cid${index}`)
        }
        for (const cid of ["cid20", "cid0"]) {
          add(alice, cid)
          const { message, reason } = yield* answer(alice)
          assert.strictEqual(reason, LIMIT_EXCEEDED)
          assert.include(message, "too many pending tracks")
        }
      })
    )

    rule("a track is described as it was asked for", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice")
        add(alice, "camera", {
          type: TrackType.VIDEO,
          source: TrackSource.CAMERA,
          width: 320,
          height: 240,
          muted: true
        })
        const { track } = yield* alice.nextOf("trackPublished")
        assert.deepInclude(track, { width: 320, height: 240, muted: true, stream: "camera" })
        assert.deepStrictEqual(
          track?.codecs.map(({ cid }) => cid),
          ["camera"]
        )
        add(alice, "backup", { sid: "TR_unknown" })
        assert.strictEqual((yield* answer(alice)).reason, NOT_FOUND)
      })
    )

    rule("nobody hears of a track before its media has come", (join) =>
      Effect.gen(function* () {
        const bob = yield* join("bob")
        const alice = yield* join("alice", { canUpdateOwnMetadata: true })
        add(alice, "cid")
        yield* alice.nextOf("trackPublished")
        alice.request({ case: "updateMetadata", value: new UpdateParticipantMetadata({ metadata: "here" }) })
        const heard = heardOf(bob, "alice").pipe(Effect.repeat({ until: ({ metadata }) => metadata === "here" }))
        assert.deepInclude(yield* heard, { tracks: [], isPublisher: false })
      })
    )

    rule("each thing that a participant changes about itself is told at once, and put into its token", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice", { canUpdateOwnMetadata: true, name: "Alice", metadata: "before" })
        assert.deepInclude(claimsOf(yield* alice.nextOf("refreshToken")), { name: "Alice", metadata: "before" })
        const ask = (fields: Partial<UpdateParticipantMetadata>) =>
          alice.request({ case: "updateMetadata", value: new UpdateParticipantMetadata({ requestId: 7, ...fields }) })
        ask({ name: "Al", metadata: "after", attributes: { hand: "raised" } })
        const said: Array<Partial<Pick<ParticipantInfo, "attributes" | "metadata" | "name">>> = []
        for (;;) {
          const message = yield* alice.next
          if (message.case === "requestResponse") {
            assert.deepInclude(message.value, { requestId: 7, reason: OK })
            break
          }
          if (message.case === "refreshToken") said.push(claimsOf(message.value))
          if (message.case === "update") said.push(...message.value.participants)
        }
        // One that says only that she has joined may be among them.
        const changed = said.filter(({ name }) => name === "Al")
        assert.strictEqual(changed.length, 6)
        assert.deepInclude(changed.at(-2), { metadata: "after", attributes: { hand: "raised" } })
        assert.deepInclude(changed.at(-1), { metadata: "after", attributes: { hand: "raised" } })
        ask({ name: "Al" })
        assert.isTrue((yield* alice.next).case === "requestResponse")
      })
    )

    rule("an offer that is none is not heard", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice", {}, { publisherOffer: { type: "offer", sdp: "garbage" } })
        for (const sdp of ["garbage", section(["m=nonsense"])]) {
          alice.request({ case: "offer", value: new SessionDescription({ type: "offer", sdp, id: 1 }) })
        }
        add(alice, "cid")
        assert.strictEqual((yield* alice.nextOf("trackPublished")).cid, "cid")
      })
    )

    rule("an offer that cannot be answered ends the session, to start over (Q9)", (join) =>
      Effect.gen(function* () {
        const application = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:0"]
        for (const lines of [[], application]) {
          const alice = yield* join("alice")
          yield* alice.nextOf("join")
          const value = new SessionDescription({ type: "offer", sdp: section(lines), id: 1 })
          alice.request({ case: "offer", value })
          const { action, reason } = yield* alice.nextOf("leave")
          assert.deepStrictEqual([action, reason], [LeaveRequest_Action.RECONNECT, DisconnectReason.STATE_MISMATCH])
          assert.deepStrictEqual(yield* alice.closed, { code: 1000, reason: "" })
        }
      })
    )

    rule("a candidate that cannot be read is refused, and one that is none is not heard", (join) =>
      Effect.gen(function* () {
        const alice = yield* join("alice")
        for (const candidateInit of ["nonsense", `{"candidate":"candidate:nonsense","sdpMid":"0"}`]) {
          alice.request({ case: "trickle", value: new TrickleRequest({ candidateInit }) })
        }
        assert.strictEqual((yield* answer(alice)).reason, UNCLASSIFIED_ERROR)
        add(alice, "cid")
        const next = yield* alice.next.pipe(
          Effect.repeat({ until: (message) => message.case === "requestResponse" || message.case === "trackPublished" })
        )
        assert.strictEqual(next.case, "trackPublished")
      })
    )
  })
}
