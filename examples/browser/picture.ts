/**
 * A moving picture that needs no camera: a clock, in the colours of its participant.
 */
import { Effect, type Scope } from "effect"

const size = { width: 640, height: 360 }
const framesPerSecond = 15

/** Draws until the scope closes. */
export const track = (name: string, hue: number): Effect.Effect<MediaStreamTrack, never, Scope.Scope> =>
  Effect.gen(function* () {
    const canvas = Object.assign(document.createElement("canvas"), size)
    const context = canvas.getContext("2d")
    if (context === null) return yield* Effect.die("this browser has no canvas")
    yield* Effect.sync(() => draw(context, name, hue, Date.now())).pipe(
      Effect.delay(1000 / framesPerSecond),
      Effect.forever,
      Effect.forkScoped
    )
    draw(context, name, hue, Date.now())
    const [track] = canvas.captureStream(framesPerSecond).getVideoTracks()
    if (track === undefined) return yield* Effect.die("a canvas gave no track")
    yield* Effect.addFinalizer(() => Effect.sync(() => track.stop()))
    return track
  })

const draw = (context: CanvasRenderingContext2D, name: string, hue: number, now: number) => {
  const { height, width } = size
  const turn = (now % 4000) / 4000
  const sky = context.createLinearGradient(0, 0, width, height)
  sky.addColorStop(0, `hsl(${hue} 55% 22%)`)
  sky.addColorStop(1, `hsl(${hue + 40} 60% 40%)`)
  context.fillStyle = sky
  context.fillRect(0, 0, width, height)
  for (let ring = 0; ring < 3; ring++) {
    const angle = (turn + ring / 3) * 2 * Math.PI
    context.beginPath()
    context.arc(width / 2 + Math.cos(angle) * 190, height / 2 + Math.sin(angle) * 95, 26, 0, 2 * Math.PI)
    context.fillStyle = `hsl(${hue + 60 + ring * 30} 80% 70% / 0.75)`
    context.fill()
  }
  context.fillStyle = "#fff"
  context.textAlign = "center"
  context.font = "600 44px system-ui, sans-serif"
  context.fillText(name, width / 2, height / 2)
  context.font = "24px ui-monospace, monospace"
  context.fillText(`${new Date(now).toISOString().slice(11, 22)}`, width / 2, height / 2 + 40)
}
