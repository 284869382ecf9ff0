/**
 * What a datagram of WebRTC is, in a few words: STUN (RFC 8489, 8445), or records of DTLS (RFC 6347).
 */
export const describe = (bytes: Buffer): string =>
  (bytes[0] ?? 0) < 4 ? stun(bytes) : `DTLS ${records(bytes).join(" ")}`

const classes: Readonly<Record<number, string>> = { 0x001: "check", 0x101: "check answered", 0x111: "check refused" }
const useCandidate = 0x0025

const stun = (bytes: Buffer): string => {
  const type = bytes.readUInt16BE(0)
  let isNomination = false
  for (let at = 20; at + 4 <= bytes.length; at += 4 + Math.ceil(bytes.readUInt16BE(at + 2) / 4) * 4) {
    isNomination ||= bytes.readUInt16BE(at) === useCandidate
  }
  return `STUN ${classes[type] ?? type.toString(16)}${isNomination ? ", nominates" : ""}`
}

const handshakes: Readonly<Record<number, string>> = {
  1: "ClientHello",
  2: "ServerHello",
  3: "HelloVerifyRequest",
  4: "NewSessionTicket",
  11: "Certificate",
  12: "ServerKeyExchange",
  13: "CertificateRequest",
  14: "ServerHelloDone",
  15: "CertificateVerify",
  16: "ClientKeyExchange"
}

const records = (bytes: Buffer): ReadonlyArray<string> => {
  const all: Array<string> = []
  for (let at = 0; at + 13 <= bytes.length; at += 13 + bytes.readUInt16BE(at + 11)) {
    const isEncrypted = bytes.readUInt16BE(at + 3) > 0
    const type = bytes[at]
    if (type === 22) all.push(isEncrypted ? "Finished" : (handshakes[bytes[at + 13] ?? 0] ?? "handshake"))
    else if (type === 20) all.push("ChangeCipherSpec")
    else if (type === 23) all.push(`${bytes.readUInt16BE(at + 11)} bytes of SCTP`)
    else all.push(type === 21 ? "alert" : `record ${type}`)
  }
  return all
}
