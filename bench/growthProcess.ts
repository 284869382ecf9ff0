/** Any number of sessions of this engine in a process of their own, which measures what it spends. */
import { Effect, Redacted, Scope, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { NodeRTCEngine } from "effect-livekit/node"
import type { Request, Response, Task } from "./growthTask.ts"

const self = { received: 0 }
const engines: Array<RTCEngine.Engine> = []

const join = Effect.fnUntraced(function* (url: string, token: string) {
  const engine = yield* RTCEngine.make
  const packets = yield* engine.subscribePackets
  yield* Stream.fromSubscription(packets).pipe(
    Stream.runForEachArray((all) => Effect.sync(() => void (self.received += all.length))),
    Effect.forkScoped
  )
  yield* engine.connect({ url, token: Redacted.make(token) })
  engines.push(engine)
})

const burst = 64

/** Bursts of all sessions in turn, as fast as they are taken. */
const send = Effect.fnUntraced(function* ({ count, size, to }: Extract<Task, { readonly _tag: "Send" }>) {
  const payload = new Uint8Array(size)
  const options = to === undefined ? {} : { destinationIdentities: [to] }
  for (let sent = 0; sent < count; sent++) {
    const engine = engines[Math.floor(sent / burst) % engines.length]
    if (engine !== undefined) yield* engine.sendData(Packet.user(payload), options)
  }
})

const perform = (task: Task): Effect.Effect<void, unknown, Scope.Scope | Effect.Services<typeof RTCEngine.make>> => {
  switch (task._tag) {
    case "Join":
      return Effect.forEach(task.tokens, (token) => join(task.url, token), { concurrency: 8, discard: true })
    case "Send":
      return send(task)
    case "Spent":
      return Effect.void
  }
}

const answer = (id: number, error: string | undefined) => {
  const { system, user } = process.cpuUsage()
  const response: Response = { id, error, cpu: system + user, received: self.received }
  process.send?.(response)
}

const serve = Effect.gen(function* () {
  const context = yield* Effect.context<Scope.Scope | Effect.Services<typeof RTCEngine.make>>()
  process.on("message", ({ id, request }: Request) => {
    Effect.runPromiseWith(context)(perform(request)).then(
      () => answer(id, undefined),
      (error: unknown) => answer(id, String(error))
    )
  })
  return yield* Effect.never
})

process.on("disconnect", () => process.exit())
await Effect.runPromise(serve.pipe(Effect.scoped, Effect.provide(NodeRTCEngine.layerServices)))
