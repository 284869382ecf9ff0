/**
 * Which section a packet belongs to, and which of its encodings it is of (RFC 9143, 9.2).
 */
import * as RtpPacket from "./RtpPacket.ts"
import type { Terms } from "./RtpSdp.ts"

export interface Section {
  readonly mid: string
  readonly terms: Terms
  readonly remote: { readonly isSending: boolean } | undefined
}

export interface Placement<S> {
  readonly section: S
  readonly rid: string | undefined
}

/** By what was announced of its SSRC, by what the packet says, or by its payload type, if that is of one section only. */
export const of = <S extends Section>(packet: Uint8Array, sections: Iterable<S>): Placement<S> | undefined => {
  const all = [...sections]
  const ssrc = RtpPacket.ssrc(packet)
  const announced = all.find(({ terms }) => terms.ssrcs.has(ssrc))
  if (announced !== undefined) return { section: announced, rid: announced.terms.ssrcs.get(ssrc) }
  const extensions = RtpPacket.extensions(packet)
  const text = ({ terms }: Section, name: "mid" | "rid") => {
    const id = terms.extensions[name]
    const value = id === undefined ? undefined : extensions.get(id)
    return value === undefined ? undefined : new TextDecoder().decode(value)
  }
  const payloadType = RtpPacket.payloadType(packet)
  const fitting = all.filter(
    ({ remote, terms }) => remote?.isSending === true && [...terms.codecs.values()].includes(payloadType)
  )
  const named = fitting.find((section) => text(section, "mid") === section.mid)
  const [only, ...others] = fitting
  const isNamed = fitting.some((section) => text(section, "mid") !== undefined)
  const section = named ?? (others.length === 0 && !isNamed ? only : undefined)
  return section === undefined ? undefined : { section, rid: text(section, "rid") }
}
