import { assert, describe, it } from "@effect/vitest"
import * as Impression from "../src/cli/demo/Impression.ts"

const sent: Impression.Sent = { frequency: 440, level: -15, width: 32, height: 16, pictures: 25 }
const amplitude = 32_768 * Math.sqrt(2) * 10 ** (-15 / 20)

/** A second of a tone and of pictures in which a bar moves by some pixels each time. */
const second = (
  change: { frequency?: number; amplitude?: number; pictures?: number; step?: number; width?: number } = {}
) => {
  const { frequency = 440, pictures = 25, step = 1, width = 32 } = change
  const height = 16
  const tone = Array.from({ length: 100 }, (_, chunk): Impression.Piece => ({
    _tag: "Audio",
    sampleRate: 48_000,
    samples: Int16Array.from({ length: 480 }, (_, at) =>
      Math.round((change.amplitude ?? amplitude) * Math.sin(((chunk * 480 + at) * 2 * Math.PI * frequency) / 48_000))
    )
  }))
  const bars = Array.from({ length: pictures }, (_, index): Impression.Piece => {
    const data = new Uint8Array((width * height * 3) / 2).fill(128)
    for (let row = 0; row < height; row++) data[row * width + ((index * step) % width)] = 235
    return { _tag: "Picture", width, height, data }
  })
  return Impression.of([...tone, ...bars], 1, 440)
}

describe("an impression of what was sent", () => {
  it("has its level, its tone, its size and its pace", () => {
    const impression = second()
    assert.closeTo(impression.level, -15, 0.1)
    assert.isAbove(impression.purity, 0.99)
    assert.strictEqual(Impression.describe(impression), "hears -15.0 dBFS and sees 25 pictures a second of 32x16")
    assert.deepStrictEqual(Impression.complaints(impression, sent), [])
  })

  for (const [what, change, says] of [
    ["is too quiet", { amplitude: amplitude / 2 }, /-15.0 dBFS/],
    ["is another tone", { frequency: 1_000 }, /0 % of the sound/],
    ["has too few pictures", { pictures: 8 }, /25 pictures/],
    ["comes in a rush", { pictures: 60 }, /25 pictures/],
    ["stands still", { step: 0 }, /stands still/],
    ["is smaller", { width: 16 }, /32x16/]
  ] as const) {
    it(`says that what comes ${what}`, () => {
      const complaints = Impression.complaints(second(change), sent)
      assert.strictEqual(complaints.length, 1)
      assert.match(complaints.join(), says)
    })
  }

  it("says that nothing comes", () => {
    const impression = Impression.of([], 1, 440)
    assert.strictEqual(Impression.describe(impression), "hears nothing and sees nothing")
    assert.strictEqual(Impression.complaints(impression, sent).length, 4)
  })
})
