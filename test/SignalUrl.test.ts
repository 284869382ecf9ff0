import { assert, describe, it } from "@effect/vitest"
import {
  ClientInfo,
  ClientInfo_SDK,
  JoinRequest,
  ReconnectReason,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import { Result } from "effect"
import * as FastCheck from "fast-check"
import { EngineConfig, SignalUrl } from "effect-livekit"
import { readFileSync } from "node:fs"

describe("SignalUrl.parse", () => {
  it("reads all four schemes as WebSocket URLs of the same host, port, path and query", () => {
    const schemes = { "ws:": "ws:", "http:": "ws:", "wss:": "wss:", "https:": "wss:" }
    for (const [scheme, expected] of Object.entries(schemes)) {
      const url = parsed(`${scheme}//livekit.test:7443/proxy?tenant=a#part`)
      assert.strictEqual(url.href, `${expected}//livekit.test:7443/proxy?tenant=a`)
    }
    assert.strictEqual(parsed("HTTPS://LiveKit.Test").href, "wss://livekit.test/")
  })

  it("keeps a port that is the default of another scheme", () => {
    assert.strictEqual(parsed("http://livekit.test:443").port, "443")
    assert.strictEqual(parsed("https://livekit.test:80").port, "80")
  })

  it("refuses what cannot be dialled, and repeats nothing of it that may be secret", () => {
    for (const bad of [
      "",
      "livekit.test",
      "//livekit.test",
      "/rtc",
      "ws://",
      "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl",
      "ftp://me:c2VjcmV0@livekit.test/?access_token=c2VjcmV0",
      "file:///home/c2VjcmV0",
      "ws://livekit.test:c2VjcmV0"
    ]) {
      const result = SignalUrl.parse(bad)
      assert.isTrue(Result.isFailure(result), bad)
      if (!Result.isFailure(result)) return
      assert.strictEqual(result.failure._tag, "InvalidUrl")
      assert.strictEqual(result.failure.recovery, "GiveUp")
      assert.notInclude(`${result.failure.message} ${JSON.stringify(result.failure)}`, "c2VjcmV0")
    }
  })
})

describe("SignalUrl.dial", () => {
  it("appends the route to any base path, with one slash", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.stringMatching(/^[a-z0-9]{1,8}$/), { maxLength: 3 }),
        FastCheck.constantFrom("", "/", "//"),
        FastCheck.constantFrom("v0" as const, "v1" as const),
        (segments, slashes, path) => {
          const prefix = segments.map((segment) => `/${segment}`).join("")
          const url = SignalUrl.dial(parsed(`ws://livekit.test${prefix}${slashes}`), path, new URLSearchParams())
          assert.strictEqual(url.pathname, `${prefix}${path === "v1" ? "/rtc/v1" : "/rtc"}`)
        }
      )
    )
  })

  it("keeps the application's query, prevails over it, and leaves the base alone", () => {
    const base = parsed("ws://livekit.test/?tenant=a%20b&protocol=1")
    const url = SignalUrl.dial(base, "v0", new URLSearchParams({ protocol: "17" }))
    assert.deepStrictEqual(
      [...url.searchParams],
      [
        ["tenant", "a b"],
        ["protocol", "17"]
      ]
    )
    assert.strictEqual(base.href, "ws://livekit.test/?tenant=a%20b&protocol=1")
  })
})

describe("SignalUrl.validate", () => {
  it("asks the dialled route over HTTP with the same query (SC21)", () => {
    for (const [url, expected] of [
      ["ws://livekit.test:7880/rtc?a=1&b=2", "http://livekit.test:7880/rtc/validate?a=1&b=2"],
      ["wss://livekit.test/proxy/rtc/v1?a=%26", "https://livekit.test/proxy/rtc/v1/validate?a=%26"]
    ] as const) {
      assert.strictEqual(SignalUrl.validate(new URL(url)).href, expected)
    }
  })
})

describe("SignalUrl.withToken", () => {
  it("carries any token unharmed, and replaces one that the URL came with (SC1)", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" }), (token, other) => {
        const dialled = new URL(`ws://livekit.test/rtc?sid=PA_1&access_token=${encodeURIComponent(other)}`)
        const query = new URL(SignalUrl.withToken(dialled, token)).searchParams
        assert.deepStrictEqual(query.getAll("access_token"), [token])
        assert.strictEqual(query.get("sid"), "PA_1")
        assert.strictEqual(dialled.searchParams.get("access_token"), other, "the logged URL has not got it")
      })
    )
  })
})

describe("SignalUrl.queryV0", () => {
  it("says what is wanted and who asks (SC1)", () => {
    const query = Object.fromEntries(SignalUrl.queryV0(parameters))
    assert.deepStrictEqual(query, {
      auto_subscribe: "1",
      adaptive_stream: "0",
      sdk: "reactnative",
      version: "0.1.0",
      protocol: "17",
      os: "a & b",
      network: "wifi"
    })
  })

  it("says the version of the package", () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
    const { clientInfo } = EngineConfig.defaults
    assert.strictEqual(SignalUrl.queryV0({ ...parameters, clientInfo }).get("version"), version)
  })

  it("asks for the opposite when told so", () => {
    const query = SignalUrl.queryV0({ ...parameters, autoSubscribe: false, adaptiveStream: true })
    assert.strictEqual(query.get("auto_subscribe"), "0")
    assert.strictEqual(query.get("adaptive_stream"), "1")
  })

  it("names the participant and the reason of a resume, and asks for none otherwise (SC1, Q10)", () => {
    const reason = ReconnectReason.RR_PUBLISHER_FAILED
    const resume = SignalUrl.queryV0({ ...parameters, resume: { participantSid: "PA_1", reason } })
    assert.deepInclude(Object.fromEntries(resume), { reconnect: "1", sid: "PA_1", reconnect_reason: "2" })
    const unnamed = SignalUrl.queryV0({ ...parameters, resume: { participantSid: "", reason } })
    assert.strictEqual(unnamed.get("reconnect"), "1")
    assert.isFalse(unnamed.has("sid"))
    assert.isFalse(SignalUrl.queryV0(parameters).has("reconnect"))
  })
})

describe("SignalUrl.joinRequest", () => {
  it("says what is wanted, who asks, and brings the offer", () => {
    const request = JoinRequest.fromBinary(
      SignalUrl.joinRequest({ ...parameters, adaptiveStream: true, publisherOffer: { sdp: "v=0", id: 1 } })
    )
    assert.deepInclude(request.connectionSettings, { autoSubscribe: true, adaptiveStream: true })
    assert.deepInclude(request.clientInfo, { sdk: ClientInfo_SDK.REACT_NATIVE, os: "a & b", protocol: 17 })
    assert.deepInclude(request.publisherOffer, { type: "offer", sdp: "v=0", id: 1 })
    assert.isFalse(request.reconnect)
  })

  it("names the participant and the reason of a resume, without an offer", () => {
    const reason = ReconnectReason.RR_SIGNAL_DISCONNECTED
    const request = JoinRequest.fromBinary(
      SignalUrl.joinRequest({ ...parameters, resume: { participantSid: "PA_1", reason } })
    )
    assert.deepInclude(request, { reconnect: true, participantSid: "PA_1", reconnectReason: reason })
    assert.isUndefined(request.publisherOffer)
  })
})

describe("SignalUrl.queryV1", () => {
  it("writes any request in the padded base64url that the server decodes", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 200 }), FastCheck.boolean(), (request, compressed) => {
        const base = parsed("ws://livekit.test")
        const dialled = SignalUrl.dial(base, "v1", SignalUrl.queryV1(request, compressed))
        const value = new URL(dialled.href).searchParams.get("join_request") ?? ""
        assert.match(value, /^[A-Za-z0-9_-]*={0,2}$/)
        assert.strictEqual(value.length % 4, 0)
        const wrapped = WrappedJoinRequest.fromBinary(Buffer.from(value, "base64url"))
        assert.deepStrictEqual(Array.from(wrapped.joinRequest), Array.from(request))
        const { GZIP, NONE } = WrappedJoinRequest_Compression
        assert.strictEqual(wrapped.compression, compressed ? GZIP : NONE)
      })
    )
  })
})

const parameters: SignalUrl.DialParameters = {
  clientInfo: new ClientInfo({
    sdk: ClientInfo_SDK.REACT_NATIVE,
    version: "0.1.0",
    protocol: 17,
    os: "a & b",
    network: "wifi"
  }),
  autoSubscribe: true,
  adaptiveStream: false,
  resume: undefined,
  publisherOffer: undefined
}

const parsed = (url: string) => Result.getOrThrow(SignalUrl.parse(url))
