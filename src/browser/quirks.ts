/**
 * Where browsers differ from each other and from the standards, as far as the engine has to know. One place, with the reference of
 * each, so that it can be removed when the reference says that it is over.
 *
 * Differences that need no knowledge of the browser are met where they occur: statistics without transports (Firefox) in
 * `internal/W3CPeerConnection.ts`, `CompressionStream` (Safari before 16.4) in `gzip.ts`, network information in `PageEvents.ts`.
 */

/**
 * What has to be done otherwise in a browser.
 *
 * @category models
 */
export interface Quirks {
  /**
   * A publisher whose offer was made before the join is answered may never connect, above all by way of TURN (Firefox):
   * https://github.com/livekit/client-sdk-js/issues/1919. The engine then joins first and offers after.
   */
  readonly needsOfferAfterJoin: boolean
}

/**
 * The quirks of a browser by its user agent. Browsers on iOS are all WebKit, whatever their name.
 *
 * @category constructors
 */
export const of = (userAgent: string): Quirks => ({ needsOfferAfterJoin: /\bFirefox\/\d/.test(userAgent) })
