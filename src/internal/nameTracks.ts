/**
 * Names the tracks that the author of a description sends, by section; it stays as it is, byte for byte, where they have these names.
 */
import { write } from "sdp-transform"
import { parseSdp } from "./parseSdp.ts"

export const nameTracks = (sdp: string, names: ReadonlyMap<string, string>): string => {
  const session = parseSdp(sdp)
  const renamed = session.media.filter(({ mid, msid }) => {
    const name = names.get(String(mid))
    return name !== undefined && msid?.some(({ appdata }) => String(appdata) !== name) === true
  })
  if (renamed.length === 0) return sdp
  for (const section of renamed) {
    const name = names.get(String(section.mid)) ?? ""
    for (const msid of section.msid ?? []) msid.appdata = name
    for (const ssrc of section.ssrcs ?? []) {
      if (ssrc.attribute === "msid") ssrc.value = `${ssrc.value?.split(" ")[0] ?? "-"} ${name}`
    }
  }
  return write(session)
}
