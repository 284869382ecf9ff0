/**
 * What the engine reads from session descriptions.
 */

/**
 * Largest message in bytes that the author of a description takes (RFC 8841): 65,536 when it does not say, infinite when it
 * says 0.
 *
 * @category parsing
 */
export const maxMessageSize = (sdp: string): number => {
  const found = /^a=max-message-size:(\d+)\s*$/m.exec(sdp)
  if (found === null) return 65_536
  const size = Number(found[1])
  return size === 0 ? Infinity : size
}
