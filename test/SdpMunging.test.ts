import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { Sdp, SdpMunging } from "effect-livekit"
import { parse } from "sdp-transform"

const head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]

const audio = (options: { readonly cid?: string; readonly fmtp?: string; readonly direction?: string } = {}) => [
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  `a=${options.direction ?? "sendonly"}`,
  `a=msid:- ${options.cid ?? "mic"}`,
  "a=rtpmap:111 opus/48000/2",
  `a=fmtp:111 ${options.fmtp ?? "minptime=10;useinbandfec=1"}`,
  "a=rtpmap:0 PCMU/8000",
  "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
  "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"
]

const video = (options: { readonly cid?: string; readonly codec?: string; readonly fmtp?: string } = {}) => [
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "c=IN IP4 0.0.0.0",
  "a=mid:1",
  "a=sendonly",
  `a=msid:- ${options.cid ?? "cam"}`,
  `a=rtpmap:96 ${options.codec ?? "VP8"}/90000`,
  ...(options.fmtp === undefined ? [] : [`a=fmtp:96 ${options.fmtp}`]),
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:mid"
]

const sdp = (...sections: ReadonlyArray<ReadonlyArray<string>>) => [...head, ...sections.flat(), ""].join("\r\n")

const parameters = (text: string, kind: string, payload: number): Array<string> =>
  parse(text)
    .media.find(({ type }) => type === kind)
    ?.fmtp.find((fmtp) => fmtp.payload === payload)
    ?.config.split(";") ?? []

describe("SdpMunging.offer", () => {
  it("leaves a description alone to which no rule applies, byte for byte", () => {
    for (const text of [sdp(audio(), video()), sdp(audio()), "", "no description", "v=0"]) {
      assert.strictEqual(SdpMunging.offer(text, new Map()), text)
      assert.strictEqual(SdpMunging.offer(text, new Map([["other", { codec: "vp8", maxBitrate: 100 }]])), text)
    }
  })

  it("sets the maximum, and 0.7 of it to start with, on the codec of a registered video (PT11b)", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 1, max: 100_000 }),
        FastCheck.constantFrom("VP8", "H264", "AV1"),
        FastCheck.constantFrom(undefined, "profile-id=0", "level-asymmetry-allowed=1;packetization-mode=1"),
        (maxBitrate, codec, fmtp) => {
          const text = sdp(audio(), video({ codec, ...(fmtp === undefined ? {} : { fmtp }) }))
          const munged = SdpMunging.offer(text, new Map([["cam", { codec: codec.toLowerCase(), maxBitrate }]]))
          assert.deepStrictEqual(parameters(munged, "video", 96), [
            ...(fmtp?.split(";") ?? []),
            `x-google-start-bitrate=${Math.round(maxBitrate * 0.7)}`,
            `x-google-max-bitrate=${maxBitrate}`
          ])
          assert.deepStrictEqual(parameters(munged, "audio", 111), ["minptime=10", "useinbandfec=1"])
          assert.deepStrictEqual(parameters(munged, "video", 97), ["apt=96"])
        }
      )
    )
  })

  it("does nothing twice, and leaves what is there (PT11b)", () => {
    const bitrates = new Map([
      ["cam", { codec: "av1", maxBitrate: 1_000 }],
      ["mic", { codec: "opus", stereo: true, dtx: false }]
    ])
    const once = SdpMunging.offer(sdp(audio(), video({ codec: "AV1" })), bitrates)
    assert.strictEqual(SdpMunging.offer(once, bitrates), once)
    const own = video({ fmtp: "x-google-start-bitrate=5;x-google-max-bitrate=9" })
    assert.strictEqual(SdpMunging.offer(sdp(own), new Map([["cam", { codec: "vp8", maxBitrate: 1_000 }]])), sdp(own))
  })

  it("adds the dependency descriptor where the first codec is AV1 or VP9, under the next free id (PT11a)", () => {
    for (const codec of ["AV1", "VP9"]) {
      const munged = SdpMunging.offer(sdp(audio(), video({ codec })), new Map())
      const added = parse(munged).media[1]?.ext?.filter(({ uri }) => uri === SdpMunging.dependencyDescriptor)
      assert.deepStrictEqual(
        added?.map(({ value }) => value),
        [8]
      )
      assert.strictEqual(SdpMunging.offer(munged, new Map()), munged, "once")
    }
    assert.notInclude(SdpMunging.offer(sdp(video({ codec: "H264" })), new Map()), "dependency-descriptor")
  })

  it("says what opus is to do, of registered tracks only", () => {
    const munged = SdpMunging.offer(sdp(audio()), new Map([["mic", { codec: "opus", stereo: true, dtx: true }]]))
    assert.deepStrictEqual(parameters(munged, "audio", 111), [
      "minptime=10",
      "useinbandfec=1",
      "stereo=1",
      "sprop-stereo=1",
      "usedtx=1"
    ])
    const off = SdpMunging.offer(munged, new Map([["mic", { codec: "opus", dtx: false }]]))
    assert.include(parameters(off, "audio", 111), "usedtx=0")
    assert.notInclude(parameters(off, "audio", 111), "usedtx=1")
  })
})

describe("SdpMunging.answer", () => {
  it("wants opus in stereo where the offer sends it so", () => {
    const offered = sdp(audio({ fmtp: "minptime=10;sprop-stereo=1" }))
    const munged = SdpMunging.answer(sdp(audio({ direction: "recvonly" })), offered)
    assert.include(parameters(munged, "audio", 111), "stereo=1")
    const plain = sdp(audio({ direction: "recvonly" }))
    assert.strictEqual(SdpMunging.answer(plain, sdp(audio())), plain)
  })
})

describe("SdpMunging.remoteAnswer", () => {
  it("gives opus the bitrate that was registered, in bits per second", () => {
    const answer = sdp(audio({ direction: "recvonly", fmtp: "minptime=10;maxaveragebitrate=510000" }))
    const munged = SdpMunging.remoteAnswer(answer, sdp(audio()), new Map([["mic", { codec: "opus", maxBitrate: 96 }]]))
    assert.deepStrictEqual(parameters(munged, "audio", 111), ["minptime=10", "maxaveragebitrate=96000"])
    assert.strictEqual(
      SdpMunging.remoteAnswer(
        answer,
        sdp(audio({ cid: "other" })),
        new Map([["mic", { codec: "opus", maxBitrate: 96 }]])
      ),
      answer
    )
  })
})

describe("Sdp.sections", () => {
  it("reads kind, direction, ids and codecs of media, and nothing else", () => {
    const text = sdp(audio(), video(), ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2"])
    assert.deepStrictEqual(
      Sdp.sections(text).map(({ codecs, direction, kind, mid, trackId }) => [mid, kind, direction, trackId, codecs]),
      [
        ["0", "audio", "sendonly", "mic", ["opus", "PCMU"]],
        ["1", "video", "sendonly", "cam", ["VP8", "rtx"]]
      ]
    )
  })

  it("knows a section that is rejected, and one that is only bundled", () => {
    const rejected = audio().map((line) => line.replace("m=audio 9", "m=audio 0"))
    assert.isTrue(Sdp.sections(sdp(rejected))[0]?.isRejected)
    assert.isFalse(Sdp.sections(sdp([...rejected, "a=bundle-only"]))[0]?.isRejected)
  })

  it("finds nothing in what is no description, whatever it is", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
        assert.isArray(Sdp.sections(text))
        assert.strictEqual(SdpMunging.offer(text, new Map()), text)
      })
    )
  })
})
