import { assert, describe, it } from "@effect/vitest"
import { ClientConfigSetting, ClientConfiguration, ICEServer } from "@livekit/protocol"
import * as FastCheck from "fast-check"
import { type PeerConnectionFactory, RtcConfig } from "effect-livekit"

const turn = new ICEServer({ urls: ["turn:a.test", "turns:b.test"], username: "me", credential: "pass" })
const stun = new ICEServer({ urls: ["stun:a.test"] })
const own: ReadonlyArray<PeerConnectionFactory.IceServer> = [
  { urls: ["turn:own.test"], username: "u", credential: "c" }
]
const far = "wss://livekit.test"

describe("RtcConfig", () => {
  it("uses the server's ICE servers, with credentials where there are any (S46)", () => {
    const { iceServers } = RtcConfig.make({ iceServers: [turn, stun] }, {}, far)
    assert.deepStrictEqual(iceServers, [
      { urls: ["turn:a.test", "turns:b.test"], username: "me", credential: "pass" },
      { urls: ["stun:a.test"] }
    ])
  })

  it("uses public STUN servers when nobody gives any (S46)", () => {
    assert.deepStrictEqual(
      RtcConfig.make({ iceServers: [] }, {}, far).iceServers.map(({ urls }) => urls),
      [["stun:stun.l.google.com:19302"], ["stun:stun1.l.google.com:19302"]]
    )
  })

  it("asks nobody outside for a server on this machine", () => {
    for (const host of ["localhost", "localhost:7880", "127.0.0.1", "127.3.2.1:7880", "[::1]:7880"]) {
      for (const scheme of ["ws", "wss", "http", "https"]) {
        assert.deepStrictEqual(RtcConfig.make({ iceServers: [] }, {}, `${scheme}://${host}`).iceServers, [], host)
      }
    }
    for (const host of ["localhost.test", "127.0.0.1.test", "10.0.0.1", "[::2]", "128.0.0.1"]) {
      assert.isNotEmpty(RtcConfig.make({ iceServers: [] }, {}, `ws://${host}`).iceServers, host)
    }
    assert.deepStrictEqual(RtcConfig.make({ iceServers: [stun] }, {}, "ws://localhost").iceServers, [
      { urls: ["stun:a.test"] }
    ])
  })

  it("uses the user's ICE servers whatever the server gives (S48, S50)", () => {
    for (const iceServers of [[], [turn]]) {
      assert.deepStrictEqual(RtcConfig.make({ iceServers }, { iceServers: own }, far).iceServers, own)
    }
  })

  it("takes an empty list of the user for none, not for a wish to have no servers (S49)", () => {
    assert.deepStrictEqual(RtcConfig.make({ iceServers: [stun] }, { iceServers: [] }, far).iceServers, [
      { urls: ["stun:a.test"] }
    ])
  })

  it("uses relays only when the server forces them, and leaves the user's choice alone otherwise (S51)", () => {
    const settings = [ClientConfigSetting.UNSET, ClientConfigSetting.DISABLED, ClientConfigSetting.ENABLED]
    for (const iceTransportPolicy of [undefined, "all", "relay"] as const) {
      for (const forceRelay of [undefined, ...settings]) {
        const clientConfiguration =
          forceRelay === undefined ? undefined : new ClientConfiguration({ forceRelay, resumeConnection: 1 })
        const made = RtcConfig.make({ iceServers: [], clientConfiguration }, { iceTransportPolicy })
        const expected = forceRelay === ClientConfigSetting.ENABLED ? "relay" : (iceTransportPolicy ?? "all")
        assert.strictEqual(made.iceTransportPolicy, expected)
      }
    }
  })

  it("knows only the user's wishes before the server has answered", () => {
    assert.deepStrictEqual(RtcConfig.early({}), { iceServers: [], iceTransportPolicy: "all" })
    const options = { iceServers: own, iceTransportPolicy: "relay" } as const
    assert.deepStrictEqual(RtcConfig.early(options), options)
  })

  it("changes nothing of what it is given (S52)", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(server), FastCheck.array(server), (fromServer, fromUser) => {
        const options = { iceServers: fromUser, iceTransportPolicy: "relay" } as const
        const response = { iceServers: fromServer.map((given) => new ICEServer(given)) }
        const before = structuredClone({ fromUser, fromServer: response.iceServers.map((given) => given.toJson()) })
        RtcConfig.make(response, options, far)
        RtcConfig.early(options)
        assert.deepStrictEqual({ fromUser, fromServer: response.iceServers.map((given) => given.toJson()) }, before)
      })
    )
  })
})

const server = FastCheck.record({
  urls: FastCheck.array(FastCheck.webUrl(), { minLength: 1 }),
  username: FastCheck.string(),
  credential: FastCheck.string()
})
