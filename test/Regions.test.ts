/**
 * Several regions of one deployment, on a network and a clock in memory: which is joined, and when another one is.
 */
import { assert, describe } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action, RegionInfo, RegionSettings } from "@livekit/protocol"
import { Effect } from "effect"
import { TestServer, VirtualTime } from "effect-livekit/testing"
import { count, meet, tags, test as on } from "./suites/inMemory.ts"

const { elapse } = VirtualTime

/** A leave that names regions, as LiveKit Cloud sends it. */
const leave = (action: "RECONNECT" | "RESUME", urls: ReadonlyArray<string>) =>
  new LeaveRequest({
    reason: DisconnectReason.SERVER_SHUTDOWN,
    action: LeaveRequest_Action[action],
    regions: new RegionSettings({ regions: urls.map((url) => new RegionInfo({ url })) })
  })

const outages = ["Resuming", "Resumed", "Reconnecting", "Reconnected", "Disconnected"]

describe("a session", () => {
  on(
    "is joined anew in the next region when its own cannot be dialled for 20 s, though media still comes",
    Effect.gen(function* () {
      const { regions, url } = yield* TestServer.TestServer
      const { alice, faults } = yield* meet()
      yield* faults.closeHost(url)
      yield* faults.leave("alice", leave("RESUME", regions))
      yield* elapse("15 seconds")
      assert.strictEqual(yield* alice.engine.state, "Resuming")
      yield* elapse("15 seconds")
      assert.deepStrictEqual(
        tags(alice).filter((tag) => outages.includes(tag)),
        ["Resuming", "Reconnecting", "Reconnected"]
      )
    }),
    { regions: ["ams", "fra"] }
  )

  on(
    "is not given up where there is no other region, and is resumed when the server is back",
    Effect.gen(function* () {
      const { regions, url } = yield* TestServer.TestServer
      const { alice, faults } = yield* meet()
      yield* faults.closeHost(url)
      yield* faults.leave("alice", leave("RESUME", regions))
      yield* elapse("45 seconds")
      assert.strictEqual(yield* alice.engine.state, "Resuming")
      yield* faults.acceptDials
      yield* elapse("10 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
    }),
    { regions: ["ams"] }
  )

  on(
    "is looked for in all regions again when none was there at first",
    Effect.gen(function* () {
      const { regions, url } = yield* TestServer.TestServer
      const [first = "", second = ""] = regions
      const { alice, faults } = yield* meet()
      yield* faults.leave("alice", leave("RESUME", regions))
      yield* faults.stop
      yield* elapse("15 seconds")
      yield* faults.start
      yield* faults.closeHost(url)
      yield* faults.closeHost(second)
      yield* elapse("15 seconds")
      assert.strictEqual(count(alice, "Reconnected"), 1, `nobody joined at ${first}`)
    }),
    { regions: ["ams", "fra"] }
  )

  on(
    "is joined anew in a region that was named by the leave which refused to resume it",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const { alice, faults } = yield* meet()
      yield* server.holdRequests
      yield* faults.dropSignal("alice")
      const resume = yield* server.request
      // From here on the list of regions cannot be fetched.
      yield* faults.closeHost(server.url)
      yield* resume.leave(leave("RECONNECT", server.regions))
      const join = yield* server.request
      assert.deepStrictEqual([join._tag, `wss://${join.host}`], ["Join", server.regions[0]])
      yield* join.accept()
      yield* elapse("1 second")
      assert.strictEqual(count(alice, "Reconnected"), 1)
    }),
    { regions: ["ams", "fra"] }
  )
})
