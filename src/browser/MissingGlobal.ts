import * as Data from "effect/Data"

/**
 * The defect of building a browser layer where there is no browser.
 *
 * @category errors
 */
export class MissingGlobal extends Data.TaggedError("MissingGlobal")<{ readonly global: string }> {
  override get message() {
    return `globalThis.${this.global} is missing: effect-livekit/browser needs a browser; in Node use effect-livekit/node or effect-livekit/wrtc`
  }
}
