/**
 * What two participants of one room can rely on with tracks, whatever server they are on.
 */
import { AddTrackRequest, LeaveRequest_Action, RequestResponse_Reason, TrackType } from "@livekit/protocol"
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Option, PubSub, Scope, Stream } from "effect"
import { type EngineEvent, type RemoteTrack, type RTCEngine, type SignalClient, Stats } from "effect-livekit"
import type { TestMedia } from "../media/wrtcMedia.ts"
import type { Room } from "./endToEnd.ts"

type Event = EngineEvent.EngineEvent

export interface TrackFar<R> extends Room<R> {
  /** Has the session of a participant end, so that it joins anew. */
  readonly startOver: (identity: string) => Effect.Effect<void>
}

export const tracks = <R>(
  mode: SignalClient.ConnectionMode,
  options: { readonly media: TestMedia; readonly resumable: boolean; readonly hasStats: boolean },
  far: Effect.Effect<TrackFar<R>, never, R | Scope.Scope>,
  run: <A, E>(test: Effect.Effect<A, E, R | Scope.Scope>) => Effect.Effect<A, E>
) => {
  const { media } = options
  const size = { width: 320, height: 240 }
  const participants = (name: string, test: (server: TrackFar<R>) => Effect.Effect<void, unknown, R | Scope.Scope>) =>
    it.live(`${name} (${mode})`, () => run(Effect.flatMap(far, test)), 60_000)

  const joined = Effect.fnUntraced(function* (
    server: TrackFar<R>,
    identity: string,
    connect: Partial<RTCEngine.ConnectOptions> = {}
  ) {
    const engine = yield* server.engine(identity)
    const events = yield* engine.subscribeEvents
    const token = yield* server.token(identity)
    yield* engine.connect({ url: server.url, token, connectionMode: mode, ...connect })
    return { engine, events }
  })
  const publishBoth = Effect.fnUntraced(function* (engine: RTCEngine.Engine) {
    const audio = yield* engine.publishTrack(yield* media.tone, { name: "a tone" })
    const video = yield* engine.publishTrack(yield* media.picture(size), { name: "a bar", video: size })
    return { audio, video }
  })

  participants("publishes audio and video, and the other one receives them", (server) =>
    Effect.gen(function* () {
      const bob = yield* joined(server, "bob")
      const alice = yield* joined(server, "alice")
      const { audio, video } = yield* publishBoth(alice.engine)
      const [first, second] = [yield* subscribed(bob.events), yield* subscribed(bob.events)]
      const tracks = [first, second].toSorted((a, b) => a.track.kind.localeCompare(b.track.kind))
      assert.deepStrictEqual(
        tracks.map(({ info, participant, sid, track }) => [track.kind, participant.identity, info?.name, sid]),
        [
          ["audio", "alice", "a tone", (yield* audio.current).info.sid],
          ["video", "alice", "a bar", (yield* video.current).info.sid]
        ]
      )
      yield* arrivesAll(media, tracks)
      assert.strictEqual((yield* next(alice.events, "LocalTrackSubscribed")).update.trackSid.slice(0, 3), "TR_")
      assert.strictEqual((yield* bob.engine.remoteTracks).length, 2)
      assert.strictEqual((yield* alice.engine.publishedTracks).length, 2)
    })
  )

  participants("receives what was published before it joined", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      yield* publishBoth(alice.engine)
      const bob = yield* joined(server, "bob")
      yield* arrivesAll(media, [yield* subscribed(bob.events), yield* subscribed(bob.events)])
    })
  )

  participants("sends both ways at once", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      yield* Effect.all([publishBoth(alice.engine), publishBoth(bob.engine)], { concurrency: "unbounded" })
      for (const { events } of [alice, bob]) {
        yield* arrivesAll(media, [yield* subscribed(events), yield* subscribed(events)])
      }
    })
  )

  participants("receives only what it subscribes to, and no longer than that", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob", { autoSubscribe: false })
      const { video } = yield* publishBoth(alice.engine)
      const { sid } = (yield* video.current).info
      yield* bob.engine.updateSubscription([{ sids: [sid] }], true)
      const track = yield* subscribed(bob.events)
      assert.strictEqual(track.sid, sid)
      assert.strictEqual(yield* media.arrives(track.track), media.seen)
      yield* bob.engine.updateSubscription([{ sids: [sid] }], false)
      assert.strictEqual((yield* next(bob.events, "TrackUnsubscribed")).track.sid, sid)
      assert.deepStrictEqual(yield* bob.engine.remoteTracks, [])
      yield* bob.engine.updateSubscription([{ sids: [sid] }], true)
      assert.strictEqual(yield* media.arrives((yield* subscribed(bob.events)).track), media.seen)
    })
  )

  participants("tells others of a mute, and takes it back", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const track = yield* media.tone
      const audio = yield* alice.engine.publishTrack(track)
      const remote = yield* subscribed(bob.events)
      yield* media.arrives(remote.track)
      yield* audio.setMuted(true)
      assert.isFalse(track.enabled)
      yield* updated(bob.events, (muted) => muted === true)
      yield* audio.setMuted(false)
      yield* updated(bob.events, (muted) => muted === false)
      yield* media.arrives(remote.track)
    })
  )

  participants("unpublishes with the scope in which it was published, and may publish the same again", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const track = yield* media.tone
      yield* Effect.gen(function* () {
        yield* alice.engine.publishTrack(track)
        yield* media.arrives((yield* subscribed(bob.events)).track)
      }).pipe(Effect.scoped)
      yield* next(bob.events, "TrackUnsubscribed")
      assert.deepStrictEqual(yield* alice.engine.publishedTracks, [])
      yield* alice.engine.publishTrack(track)
      yield* media.arrives((yield* subscribed(bob.events)).track)
    })
  )

  participants("is queued with another track of its client id, until that one is over (M1)", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const track = yield* media.tone
      const again = new AddTrackRequest({ cid: track.id, name: "again", type: TrackType.AUDIO })
      yield* Effect.gen(function* () {
        yield* alice.engine.publishTrack(track)
        yield* subscribed(bob.events)
        yield* alice.engine.sendRequest({ case: "addTrack", value: again })
        const { response } = yield* next(alice.events, "RequestAnswered")
        assert.strictEqual(response.reason, RequestResponse_Reason.QUEUED)
      }).pipe(Effect.scoped)
      const { response } = yield* next(alice.events, "LocalTrackPublished").pipe(
        Effect.repeat({ until: ({ response }) => response.track?.name === "again" })
      )
      assert.strictEqual(response.cid, track.id)
    })
  )

  if (options.resumable) {
    participants("goes on when a signal connection was cut, with the same tracks", (server) =>
      Effect.gen(function* () {
        const alice = yield* joined(server, "alice")
        const bob = yield* joined(server, "bob")
        const { audio } = yield* publishBoth(alice.engine)
        const before = (yield* audio.current).info.sid
        const tracks = [yield* subscribed(bob.events), yield* subscribed(bob.events)]
        yield* server.cut("alice")
        yield* next(alice.events, "Resumed")
        yield* arrivesAll(media, tracks)
        assert.strictEqual((yield* audio.current).info.sid, before)
        assert.strictEqual((yield* bob.engine.remoteTracks).length, 2)
      })
    )
  }

  participants("publishes again after a full reconnect", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const { audio, video } = yield* publishBoth(alice.engine)
      yield* Effect.all([subscribed(bob.events), subscribed(bob.events)])
      const before = [(yield* audio.current).info.sid, (yield* video.current).info.sid]
      yield* server.startOver("alice")
      const again = [
        yield* next(alice.events, "LocalTrackRepublished"),
        yield* next(alice.events, "LocalTrackRepublished")
      ]
      assert.isFalse(again.some(({ track }) => before.includes(track.sid)))
      assert.include(
        again.map(({ track }) => track.sid),
        (yield* audio.current).info.sid
      )
      yield* arrivesAll(media, [yield* subscribed(bob.events), yield* subscribed(bob.events)])
      assert.strictEqual((yield* bob.engine.remoteTracks).length, 2)
    })
  )

  participants("keeps on sending what was put in place of a track, until that is unpublished", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const replacement = yield* media.tone
      yield* Effect.gen(function* () {
        const original = yield* Scope.make()
        const { current } = yield* alice.engine.publishTrack(yield* Scope.provide(media.tone, original))
        yield* (yield* current).sender.replaceTrack(replacement)
        // From here on the track itself has nothing to say.
        yield* Scope.close(original, Exit.void)
        yield* media.arrives((yield* subscribed(bob.events)).track)
        yield* server.startOver("alice")
        yield* next(alice.events, "LocalTrackRepublished")
        yield* next(bob.events, "TrackUnsubscribed")
        yield* media.arrives((yield* subscribed(bob.events)).track)
        assert.strictEqual((yield* current).sender.track()?.id, replacement.id)
      }).pipe(Effect.scoped)
      yield* next(bob.events, "TrackUnsubscribed")
      assert.deepStrictEqual(yield* alice.engine.publishedTracks, [])
    })
  )

  participants("receives again after a full reconnect of its own", (server) =>
    Effect.gen(function* () {
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      yield* publishBoth(alice.engine)
      yield* Effect.all([subscribed(bob.events), subscribed(bob.events)])
      yield* server.startOver("bob")
      yield* next(bob.events, "TrackUnsubscribed")
      yield* arrivesAll(media, [yield* subscribed(bob.events), yield* subscribed(bob.events)])
    })
  )

  if (options.hasStats) {
    participants("has statistics of peer connections, senders and receivers (S155, S156)", (server) =>
      Effect.gen(function* () {
        const alice = yield* joined(server, "alice")
        const bob = yield* joined(server, "bob")
        const video = yield* alice.engine.publishTrack(yield* media.picture(size), { video: size })
        const remote = yield* subscribed(bob.events)
        yield* media.arrives(remote.track)
        const { sender } = yield* video.current
        const sent = Stats.ofType(yield* alice.engine.statsGetter(sender), "outbound-rtp")
        assert.isTrue(sent.length === 1 && sent.every(({ kind, packetsSent }) => kind === "video" && packetsSent > 0))
        const all = Stats.ofType(yield* alice.engine.publisherStats, "outbound-rtp")
        assert.isTrue(all.some(({ ssrc }) => ssrc === sent[0]?.ssrc))
        const got = Stats.ofType(yield* bob.engine.statsGetter(remote.receiver), "inbound-rtp")
        assert.isTrue(got.length === 1 && got.every(({ framesDecoded }) => framesDecoded > 0))
        assert.isNotEmpty(Stats.ofType(yield* bob.engine.subscriberStats, "inbound-rtp"))
      })
    )
  }
}

const next = <Tag extends Event["_tag"]>(
  events: PubSub.Subscription<Event>,
  tag: Tag
): Effect.Effect<Extract<Event, { readonly _tag: Tag }>> =>
  Effect.flatMap(PubSub.take(events), (event) => (is(event, tag) ? Effect.succeed(event) : next(events, tag)))

const is = <Tag extends Event["_tag"]>(event: Event, tag: Tag): event is Extract<Event, { readonly _tag: Tag }> =>
  event._tag === tag

const subscribed = (events: PubSub.Subscription<Event>): Effect.Effect<RemoteTrack.RemoteTrack> =>
  Effect.map(next(events, "TrackSubscribed"), ({ track }) => track)

/** Waits for an update in which a track of somebody is as wanted. */
const updated = (events: PubSub.Subscription<Event>, isWanted: (muted: boolean | undefined) => boolean) =>
  Stream.fromSubscription(events).pipe(
    Stream.filter(
      (event) =>
        event._tag === "ParticipantsUpdated" &&
        event.participants.some(({ tracks }) => tracks.some(({ muted }) => isWanted(muted)))
    ),
    Stream.runHead,
    Effect.map(Option.getOrThrow)
  )

const arrivesAll = (media: TestMedia, tracks: ReadonlyArray<RemoteTrack.RemoteTrack>) =>
  Effect.gen(function* () {
    const arrived = yield* Effect.forEach(tracks, ({ track }) => media.arrives(track), { concurrency: "unbounded" })
    assert.deepStrictEqual(arrived.toSorted(), [media.seen, media.heard].toSorted())
  })

/** As a server asks a client to start over. */
export const startOver = { action: LeaveRequest_Action.RECONNECT } as const
