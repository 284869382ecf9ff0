/**
 * What an engine says to the server when it comes back, in which order and with which token.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  MediaSectionsRequirement,
  ReconnectReason,
  RegionSettings,
  SignalResponse,
  UpdateParticipantMetadata
} from "@livekit/protocol"
import { Context, type Duration, Effect, Fiber, Layer, Option, Redacted, type Scope, Stream } from "effect"
import {
  type EngineEvent,
  Packet,
  RegionError,
  RegionUrlProvider,
  RTCEngine,
  SignalClient,
  type SignalConnection,
  type SignalRequest
} from "effect-livekit"
import { type SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

const { elapse } = VirtualTime

const test = <A, E>(
  name: string,
  body: Effect.Effect<A, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>,
  options: TestServer.TestServerOptions = {}
) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer(options))))

interface Dial {
  readonly kind: "join" | "resume"
  readonly url: string
  readonly token: string
  readonly resume: SignalClient.ResumeOptions | undefined
  readonly hasOffer: boolean
}

/** The regions of every URL, as a test wants them. */
interface Regions {
  readonly urls: ReadonlyArray<string> | RegionError.RegionError
  /** How long it takes to keep those that a leave names. */
  readonly keeping?: Duration.Input
}

/** Alice, connected, with everything that her engine says on the signal connection. */
const alice = Effect.fnUntraced(function* (
  options: {
    readonly mode?: SignalClient.ConnectionMode
    readonly regions?: Regions
    readonly connect?: Partial<RTCEngine.ConnectOptions>
    /** The server answers a resume with any message, as older ones do, and does not say what it has. */
    readonly isOld?: boolean
  } = {}
) {
  const server = yield* TestServer.TestServer
  const dials: Array<Dial> = []
  const said: Array<SignalRequest.SignalRequest> = []
  const events: Array<EngineEvent.EngineEvent> = []
  const askedFor: Array<{ readonly token: string; readonly attempted: ReadonlyArray<string> }> = []
  const reported: Array<ReadonlyArray<string>> = []
  const services = yield* Layer.build(TestRTCEngine.layerServices("alice"))
  const client = Context.get(services, SignalClient.SignalClient)
  const overheard = (connection: SignalConnection.SignalConnection): SignalConnection.SignalConnection => ({
    ...connection,
    sendUnsafe: (request) => {
      said.push(request)
      return connection.sendUnsafe(request)
    }
  })
  const note = (
    kind: Dial["kind"],
    url: string,
    token: Redacted.Redacted<string>,
    { hasOffer = false, resume }: { readonly hasOffer?: boolean; readonly resume?: SignalClient.ResumeOptions }
  ) => Effect.sync(() => void dials.push({ kind, url, token: Redacted.value(token), resume, hasOffer }))
  const { regions } = options
  const engine = yield* RTCEngine.make.pipe(
    Effect.provideContext(
      Context.merge(
        services,
        Context.make(SignalClient.SignalClient, {
          join: (join) =>
            Effect.andThen(
              note("join", join.url, join.token, { hasOffer: join.publisherOffer !== undefined }),
              Effect.map(client.join(join), overheard)
            ),
          resume: (resume) =>
            Effect.andThen(
              note("resume", resume.url, resume.token, { resume }),
              Effect.map(client.resume(resume), (connection) => {
                const handshake = options.isOld
                  ? { _tag: "Resumed" as const, response: undefined }
                  : connection.handshake
                return overheard({ ...connection, handshake })
              })
            )
        }).pipe(
          Context.add(RegionUrlProvider.RegionUrlProvider, {
            hasRegions: () => regions !== undefined,
            next: ({ attempted, token }) =>
              Effect.suspend(() => {
                askedFor.push({ token: Redacted.value(token), attempted: [...attempted] })
                const urls = regions?.urls ?? []
                return urls instanceof RegionError.RegionError
                  ? Effect.fail(urls)
                  : Effect.succeed(Option.fromUndefinedOr(urls.find((url) => !attempted.has(url))))
              }),
            report: (_, settings) =>
              Effect.andThen(
                Effect.sleep(regions?.keeping ?? 0),
                Effect.sync(() => void reported.push(settings.regions.map(({ url }) => url)))
              )
          })
        )
      )
    )
  )
  yield* engine.events.pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.forkScoped
  )
  yield* VirtualTime.settle
  const token = yield* server.token({ identity: "alice", room: "room" })
  const connecting = yield* Effect.forkScoped(
    engine.connect({ url: server.url, token, connectionMode: options.mode ?? "auto", ...options.connect })
  )
  yield* elapse("1 second")
  yield* Fiber.join(connecting)
  const cases = () => said.map((request) => request.case)
  return { engine, dials, said, cases, events, askedFor, reported, first: Redacted.value(token) }
})

const tags = (events: ReadonlyArray<EngineEvent.EngineEvent>) => events.map(({ _tag }) => _tag)

for (const mode of ["single", "dual"] as const) {
  describe(`a resume with ${mode === "single" ? "one peer connection" : "two peer connections"}`, () => {
    test(
      "says the sync state first, then offers anew, and lets out what waited when the path is proven (S94-S105)",
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const { cases, engine, events, said } = yield* alice({ mode })
        yield* engine.sendData(Packet.user("1"))
        yield* elapse("100 millis")
        const before = said.length
        const seen = events.length
        yield* faults.refuseDials
        yield* faults.dropSignal("alice")
        yield* elapse("100 millis")
        yield* engine.sendRequest({ case: "updateMetadata", value: new UpdateParticipantMetadata({ metadata: "new" }) })
        yield* faults.acceptDials
        yield* elapse("5 seconds")
        const after = cases().slice(before)
        assert.strictEqual(after[0], "syncState")
        assert.include(after, "offer")
        assert.isAbove(after.indexOf("updateMetadata"), after.indexOf("offer"))
        const order = tags(events.slice(seen)).filter((tag) =>
          ["Resuming", "SignalConnected", "Resumed", "PostReconnect"].includes(tag)
        )
        assert.deepStrictEqual(order, ["Resuming", "SignalConnected", "Resumed", "PostReconnect"])
      })
    )

    test(
      "tells both descriptions as the server means them, the channels of both sides, and what was received (S153)",
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const { said } = yield* alice({ mode })
        const bob = yield* TestRTCEngine.join("bob")
        yield* bob.sendData(Packet.user("1"))
        yield* bob.sendData(Packet.user("2"))
        yield* elapse("1 second")
        const bobSid = Option.getOrThrow(yield* bob.participant).sid
        const before = said.length
        yield* faults.dropSignal("alice")
        yield* elapse("2 seconds")
        const [first] = said.slice(before)
        if (first?.case !== "syncState") return assert.fail("the sync state comes first")
        assert.strictEqual(first.value.offer?.type, "offer")
        assert.strictEqual(first.value.answer?.type, "answer")
        const channels = first.value.dataChannels.map(({ label, target }) => `${label} ${target}`)
        assert.deepStrictEqual(
          first.value.datachannelReceiveStates.map(({ lastSeq, publisherSid }) => [publisherSid, lastSeq]),
          [[bobSid, 2]]
        )
        const own = ["_reliable 0", "_lossy 0"]
        assert.deepStrictEqual(channels, mode === "single" ? own : [...own, "_reliable 1", "_lossy 1"])
      })
    )
  })
}

describe("a resume by a server that does not say what it has", () => {
  test(
    "writes nothing again, and goes on (S96)",
    Effect.gen(function* () {
      const { faults, received } = yield* TestServer.TestServer
      const { engine, events } = yield* alice({ isOld: true })
      yield* engine.sendData(Packet.user("1"))
      yield* elapse("1 second")
      yield* faults.dropSignal("alice")
      yield* elapse("5 seconds")
      yield* engine.sendData(Packet.user("2"))
      assert.deepStrictEqual(yield* received(2), ["1", "2"])
      assert.deepInclude(
        events.find((event) => event._tag === "Resumed"),
        { replayed: 0 }
      )
    })
  )
})

describe("a dial", () => {
  test(
    "uses the newest token, for a resume, for a new session and for the list of regions (S151)",
    Effect.gen(function* () {
      const { faults, url } = yield* TestServer.TestServer
      const { askedFor, dials, events, first } = yield* alice({ regions: { urls: [url] } })
      yield* elapse("10 seconds")
      yield* faults.refreshToken("alice")
      yield* elapse("100 millis")
      assert.include(tags(events), "TokenRefreshed")
      yield* faults.rejectNextDial(500, "connection closed by media")
      yield* faults.rejectNextDial(500, "connection closed by media")
      yield* faults.dropSignal("alice")
      yield* elapse("10 seconds")
      assert.deepStrictEqual(
        dials.map(({ kind }) => kind),
        ["join", "resume", "join", "join"]
      )
      for (const { token } of [...dials.slice(1), ...askedFor]) assert.notStrictEqual(token, first)
      assert.strictEqual(new Set([...dials.slice(1), ...askedFor].map(({ token }) => token)).size, 1)
    })
  )

  test(
    "of a resume names the participant and why, and is made on the route of the join (Q10)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const { dials, engine } = yield* alice()
      yield* faults.dropSignal("alice")
      yield* elapse("2 seconds")
      const sid = Option.getOrThrow(yield* engine.participant).sid
      assert.deepInclude(dials[1]?.resume, {
        path: "v1",
        participantSid: sid,
        reason: ReconnectReason.RR_SIGNAL_DISCONNECTED
      })
    })
  )
})

describe("a new session", () => {
  test(
    "has no offer in its join after one that did not connect with it: it may have lacked the server's ICE servers",
    Effect.gen(function* () {
      const { faults, network } = yield* TestServer.TestServer
      const { dials, engine } = yield* alice()
      yield* network.cutOff("alice", { path: "media" })
      yield* faults.refuseNextResume("alice")
      yield* faults.dropSignal("alice")
      yield* elapse("22 seconds")
      yield* network.restore("alice", { path: "media" })
      yield* elapse("10 seconds")
      assert.strictEqual(yield* engine.state, "Connected")
      assert.deepStrictEqual(
        dials.filter(({ kind }) => kind === "join").map(({ hasOffer }) => hasOffer),
        [true, true, false]
      )
    })
  )
})

describe("an offer that the signal connection took with it", () => {
  test(
    "does not count as unanswered while there is no other connection",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const { cases, events } = yield* alice()
      const value = new MediaSectionsRequirement({ numAudios: 1 })
      const message = new SignalResponse({ message: { case: "mediaSectionsRequirement", value } })
      yield* faults.sendRaw("alice", message.toBinary())
      yield* faults.stallSignal("alice")
      yield* elapse("100 millis")
      assert.include(cases(), "offer")
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* elapse("20 seconds")
      yield* faults.acceptDials
      yield* elapse("10 seconds")
      assert.deepStrictEqual(
        tags(events).filter((tag) => /^Re(suming|connecting|sumed|connected)$/.test(tag)),
        ["Resuming", "Resumed"]
      )
    })
  )
})

describe("regions", () => {
  test(
    "are gone through from the second attempt on, each once, and are all new after a success (S87, RU7, RU8)",
    Effect.gen(function* () {
      const { faults, url } = yield* TestServer.TestServer
      const { askedFor, dials } = yield* alice({ regions: { urls: ["ws://down.test", url] } })
      const outage = Effect.gen(function* () {
        yield* faults.rejectNextDial(500, "connection closed by media")
        yield* faults.rejectNextDial(500, "connection closed by media")
        yield* faults.dropSignal("alice")
        yield* elapse("20 seconds")
      })
      yield* outage
      assert.deepStrictEqual(
        dials.map(({ kind, url: dialled }) => [kind, dialled]),
        [
          ["join", url],
          ["resume", url],
          ["join", "ws://down.test"],
          ["join", url],
          // No other is left: the last one is kept.
          ["join", url]
        ]
      )
      assert.deepStrictEqual(
        askedFor.map(({ attempted }) => attempted),
        [[url], ["ws://down.test"], ["ws://down.test", url]],
        "the one in use is no other"
      )
      yield* outage
      assert.deepStrictEqual(askedFor[3]?.attempted, [url])
    })
  )

  test(
    "that a leave names are handed on (S146, RU9)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const { events, reported } = yield* alice({ regions: { urls: [] } })
      const regions = new RegionSettings({ regions: [{ region: "near", url: "ws://near.test", distance: 1n }] })
      yield* faults.leave(
        "alice",
        new LeaveRequest({ action: LeaveRequest_Action.RECONNECT, reason: DisconnectReason.MIGRATION, regions })
      )
      yield* elapse("5 seconds")
      assert.deepStrictEqual(reported, [["ws://near.test"]])
      assert.include(tags(events), "Reconnected")
    })
  )

  const goodbye = new LeaveRequest({
    action: LeaveRequest_Action.DISCONNECT,
    reason: DisconnectReason.PARTICIPANT_REMOVED,
    regions: new RegionSettings({ regions: [{ region: "near", url: "ws://near.test", distance: 1n }] })
  })
  for (const [name, trouble] of [
    [
      "the wait for an explanation ends",
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        yield* faults.closeChannel("alice", "reliable")
        yield* elapse("200 millis")
      })
    ],
    [
      "a resume succeeds",
      Effect.gen(function* () {
        const { faults, network } = yield* TestServer.TestServer
        const { media } = yield* network.paths("alice")
        yield* media.set({ latency: 250 })
        yield* faults.dropSignal("alice")
        yield* elapse("400 millis")
      })
    ]
  ] as const) {
    test(
      `that are kept while ${name} do not make forgotten the goodbye that names them`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const { engine, events } = yield* alice({ regions: { urls: [], keeping: "1 second" } })
        yield* trouble
        assert.include(["Reconnecting", "Resuming"], yield* engine.state)
        yield* faults.sendRaw("alice", new SignalResponse({ message: { case: "leave", value: goodbye } }).toBinary())
        yield* elapse("10 seconds")
        const end = events.find((event) => event._tag === "Disconnected")
        assert.strictEqual(end?.reason, DisconnectReason.PARTICIPANT_REMOVED)
      })
    )
  }

  test(
    "are not asked for when the token is refused: it is refused everywhere (V17)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const { askedFor, engine, events } = yield* alice({ regions: { urls: ["ws://near.test"] } })
      yield* faults.refuseNextResume("alice")
      yield* faults.dropSignal("alice")
      yield* faults.rejectNextDial(401, "invalid authorization token")
      yield* elapse("10 seconds")
      assert.strictEqual(yield* engine.state, "Disconnected")
      const end = events.find((event) => event._tag === "Disconnected")
      assert.deepInclude(end?.error?.reason, { _tag: "Rejected", status: 401 })
      assert.deepStrictEqual(askedFor, [])
    })
  )

  test(
    "that cannot be listed do not hide why an attempt failed (V18)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const unlisted = new RegionError.RegionError({
        reason: new RegionError.FetchFailed({ status: 503, cause: "down" })
      })
      const { engine, events } = yield* alice({ regions: { urls: unlisted } })
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* elapse("70 seconds")
      assert.strictEqual(yield* engine.state, "Disconnected")
      const end = events.find((event) => event._tag === "Disconnected")
      const reason = end?.error?.reason
      assert.strictEqual(reason?._tag === "ReconnectExhausted" && reasonOf(reason.cause), "Unreachable")
    })
  )
})

const reasonOf = (cause: unknown) =>
  typeof cause === "object" && cause !== null && "_tag" in cause ? cause._tag : undefined
