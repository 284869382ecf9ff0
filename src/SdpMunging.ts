/**
 * What is changed in session descriptions between the runtime and the server, because no API says it: bitrates, the dependency
 * descriptor, and what opus is to do (PT11). A description to which no rule applies stays as it is, byte for byte.
 */
import { type MediaDescription, write } from "sdp-transform"
import { parseSdp } from "./internal/parseSdp.ts"

/**
 * What is wanted of a published track, by its client id.
 *
 * @category models
 */
export interface TrackBitrateInfo {
  /** As `vp8`, `av1`, `opus`; case does not matter. */
  readonly codec: string
  /** Kilobits per second. */
  readonly maxBitrate?: number | undefined
  /** Opus in stereo. Default: as the runtime offers. */
  readonly stereo?: boolean | undefined
  /** Opus sends little while it is silent. Default: as the runtime offers. */
  readonly dtx?: boolean | undefined
}

/**
 * By client id.
 *
 * @category models
 */
export type TrackBitrates = ReadonlyMap<string, TrackBitrateInfo>

/**
 * URI of the header extension that SVC needs (AV1 RTP specification, appendix A).
 *
 * @category constants
 */
export const dependencyDescriptor =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

/** Share of the maximum with which a video starts. */
const startShare = 0.7

/**
 * An offer of ours, before it is set and sent.
 *
 * @category munging
 */
export const offer = (sdp: string, bitrates: TrackBitrates): string =>
  edit(sdp, (sections) => {
    const lastExtension = Math.max(0, ...sections.flatMap(({ ext = [] }) => ext.map(({ value }) => value)))
    return sections.map((section) => {
      const info = infoOf(section, bitrates)
      if (section.type === "video") {
        const withBitrate = limitVideo(section, info)
        return describeDependencies(section, lastExtension + 1) || withBitrate
      }
      return section.type === "audio" && tuneOpus(section, info)
    })
  })

/**
 * An answer of ours: opus is wanted in stereo where the offer has it so.
 *
 * @category munging
 */
export const answer = (sdp: string, offered: string): string => {
  const stereo = new Set(
    parseSdp(offered).media.flatMap((section) =>
      /sprop-stereo=1/.test(opusConfig(section)) ? [String(section.mid)] : []
    )
  )
  return edit(sdp, (sections) =>
    sections.map((section) => stereo.has(String(section.mid)) && tuneOpus(section, { codec: "opus", stereo: true }))
  )
}

/**
 * The far end's answer to our offer, before it is set: what it lets opus use is what was registered.
 *
 * @category munging
 */
export const remoteAnswer = (sdp: string, offered: string, bitrates: TrackBitrates): string => {
  if (bitrates.size === 0) return sdp
  const infos = new Map(
    parseSdp(offered).media.map((section) => [String(section.mid), infoOf(section, bitrates)] as const)
  )
  return edit(sdp, (sections) =>
    sections.map((section) => {
      const info = infos.get(String(section.mid))
      if (section.type !== "audio" || info?.maxBitrate === undefined) return false
      return setParameter(
        section,
        payloadOf(section, info.codec),
        "maxaveragebitrate",
        String(info.maxBitrate * 1000),
        true
      )
    })
  )
}

/** Writes the description again if any section was changed. */
const edit = (sdp: string, change: (sections: Array<MediaDescription>) => ReadonlyArray<boolean>): string => {
  const session = parseSdp(sdp)
  return change(session.media).includes(true) ? write(session) : sdp
}

const infoOf = ({ msid = [] }: MediaDescription, bitrates: TrackBitrates): TrackBitrateInfo | undefined => {
  for (const { appdata, id } of msid) {
    const info = bitrates.get(String(appdata)) ?? bitrates.get(String(id))
    if (info !== undefined) return info
  }
  return undefined
}

const payloadOf = ({ rtp }: MediaDescription, codec: string): number | undefined =>
  rtp.find((map) => map.codec.toLowerCase() === codec.toLowerCase())?.payload

const opusConfig = (section: MediaDescription): string =>
  section.fmtp.find(({ payload }) => payload === payloadOf(section, "opus"))?.config ?? ""

/** Sets a parameter of a payload; one that is there already stays, unless it is to be replaced. */
const setParameter = (
  section: MediaDescription,
  payload: number | undefined,
  name: string,
  value: string,
  replaces = false
): boolean => {
  if (payload === undefined) return false
  const line = section.fmtp.find((fmtp) => fmtp.payload === payload)
  if (line === undefined) {
    section.fmtp.push({ payload, config: `${name}=${value}` })
    return true
  }
  const isNamed = (parameter: string) => parameter.trim().startsWith(`${name}=`)
  const parameters = line.config.split(";")
  const existing = parameters.find(isNamed)
  if (existing !== undefined && (!replaces || existing.trim() === `${name}=${value}`)) return false
  line.config = [...parameters.filter((parameter) => !isNamed(parameter)), `${name}=${value}`].join(";")
  return true
}

const limitVideo = (section: MediaDescription, info: TrackBitrateInfo | undefined): boolean => {
  if (info?.maxBitrate === undefined) return false
  const payload = payloadOf(section, info.codec)
  const start = setParameter(
    section,
    payload,
    "x-google-start-bitrate",
    String(Math.round(info.maxBitrate * startShare))
  )
  return setParameter(section, payload, "x-google-max-bitrate", String(info.maxBitrate)) || start
}

/** Scalable codecs need it to be forwarded layer by layer. */
const describeDependencies = (section: MediaDescription, id: number): boolean => {
  const first = section.rtp[0]?.codec.toLowerCase()
  const extensions = section.ext ?? []
  if ((first !== "av1" && first !== "vp9") || extensions.some(({ uri }) => uri === dependencyDescriptor)) return false
  section.ext = [...extensions, { value: id, uri: dependencyDescriptor }]
  return true
}

const tuneOpus = (section: MediaDescription, info: TrackBitrateInfo | undefined): boolean => {
  if (info === undefined) return false
  const payload = payloadOf(section, "opus")
  const flags = [
    ["stereo", info.stereo],
    ["sprop-stereo", info.stereo],
    ["usedtx", info.dtx]
  ] as const
  return flags
    .map(([name, value]) => value !== undefined && setParameter(section, payload, name, value ? "1" : "0", true))
    .includes(true)
}
