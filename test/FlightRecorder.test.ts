import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as FlightRecording from "effect-livekit/FlightRecording"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { render } from "../src/cli/timelinePage.ts"
import { start } from "./suites/cli.ts"
import { flight } from "./suites/flight.ts"

describe("FlightRecorder", () => {
  it.live("records what came, what was decided and what was told, in order", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const all = recording.entries.map((entry) =>
        entry._tag === "Told" ? entry.event : entry._tag === "StateChanged" ? entry.state : entry._tag
      )
      const expected = [
        "Called",
        "Dialled",
        "Answered",
        "Joined",
        "Connected",
        "SignalEnded",
        "Decided",
        "Resuming",
        "Dialled",
        "Answered",
        "Resumed",
        "Called",
        "Disconnected"
      ]
      let from = 0
      for (const each of expected) {
        const found = all.indexOf(each, from)
        assert.isAtLeast(found, from, `${each} after ${all.slice(0, from).at(-1)} in ${all.join(" ")}`)
        from = found + 1
      }
      assert.isTrue(
        recording.entries.some((entry) => entry._tag === "PeerConnectionChanged" && entry.state === "connected")
      )
      assert.isTrue(recording.entries.some((entry) => entry._tag === "SignalSent" && entry.request === "syncState"))
      const times = recording.entries.map(({ at }) => at)
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
    })
  )

  it.live("holds no token, no SDP, no address and no payload, and is read back from JSON as it was", () =>
    Effect.gen(function* () {
      const { recording, token } = yield* flight()
      const text = JSON.stringify(recording)
      for (const secret of [
        token,
        token.split(".")[2] ?? "",
        "a=ice-ufrag",
        "nobody's business",
        "192.168",
        "typ host"
      ]) {
        assert.notInclude(text, secret)
      }
      assert.deepStrictEqual(yield* Schema.decodeEffect(FlightRecording.FromJson)(text), recording)
    })
  )

  it.live("keeps the newest entries when it is full, and says how many it dropped", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight({ capacity: 5 })
      assert.strictEqual(recording.entries.length, 5)
      assert.isAbove(recording.dropped, 20)
      assert.isTrue(recording.entries.some((entry) => entry._tag === "StateChanged" && entry.state === "Disconnected"))
    })
  )
})

const directory = () => mkdtempSync(join(tmpdir(), "effect-livekit-flight-"))

describe("effect-livekit timeline", () => {
  it.live("renders a recording as a page", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const at = directory()
      const file = join(at, "flight.json")
      writeFileSync(file, JSON.stringify(recording))
      const child = start("timeline", file)
      assert.strictEqual(yield* Effect.promise(() => child.exit), 0)
      assert.include(child.output(), `${recording.entries.length} entries`)
      const page = readFileSync(join(at, "flight.html"), "utf8")
      assert.strictEqual(page.match(/<tr /g)?.length, recording.entries.length)
      for (const each of ["Resumed (", "Resume (attempt 1; SignalEnded asks for Resume", 'class="state Resuming"']) {
        assert.include(page, each)
      }
      rmSync(at, { recursive: true })
    })
  )

  it.live("says in one line what is no recording", () =>
    Effect.gen(function* () {
      const at = directory()
      const file = join(at, "flight.json")
      writeFileSync(file, '{"version":1}')
      for (const name of [file, join(at, "none.json")]) {
        const child = start("timeline", name)
        assert.strictEqual(yield* Effect.promise(() => child.exit), 1)
        assert.match(child.errors(), /^effect-livekit: [^\n]+\n$/)
      }
      rmSync(at, { recursive: true })
    })
  )

  it("lets no text of a recording become markup", () => {
    const page = render({
      version: 2,
      conditions: {
        iceRestart: false,
        setConfiguration: false,
        offerInJoin: "auto",
        peerConnectionTimeout: 20_000,
        pathTimeout: 10_000,
        explanationTimeout: 250,
        timeLimit: 60_000
      },
      startedAt: 0,
      dropped: 3,
      entries: [{ _tag: "Told", at: 1, event: "<script>alert(1)</script>", detail: "\"'&" }]
    })
    assert.notInclude(page, "<script>")
    assert.include(page, "&lt;script&gt;alert(1)&lt;/script&gt; (&quot;&#39;&amp;)")
    assert.include(page, "3 earlier ones were dropped")
  })
})
