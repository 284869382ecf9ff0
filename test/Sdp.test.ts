import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { Sdp } from "effect-livekit"

const description = (line: string, end: string) =>
  ["v=0", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000", line, "a=mid:0", ""].join(end)

describe("Sdp.maxMessageSize", () => {
  it("reads what the author says, with either line end and at the very end (D2)", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 1, max: 2 ** 40 }),
        FastCheck.constantFrom("\r\n", "\n"),
        (size, end) => {
          assert.strictEqual(Sdp.maxMessageSize(description(`a=max-message-size:${size}`, end)), size)
          assert.strictEqual(Sdp.maxMessageSize(`v=0${end}a=max-message-size:${size}`), size)
        }
      )
    )
  })

  it("is 65,536 when the author does not say", () => {
    assert.strictEqual(Sdp.maxMessageSize(description("a=setup:active", "\r\n")), 65_536)
    assert.strictEqual(Sdp.maxMessageSize(""), 65_536)
  })

  it("is without limit when the author says 0", () => {
    assert.strictEqual(Sdp.maxMessageSize(description("a=max-message-size:0", "\r\n")), Infinity)
  })

  it("does not take another attribute or a malformed number for it", () => {
    for (const line of [
      "a=x-max-message-size:9",
      "b=max-message-size:9",
      "a=note:a=max-message-size:9",
      "a=max-message-size:9k",
      "a=max-message-size:"
    ]) {
      assert.strictEqual(Sdp.maxMessageSize(description(line, "\r\n")), 65_536, line)
    }
  })
})
