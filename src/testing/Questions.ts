import * as Effect from "effect/Effect"

/** Questions to the far end that wait for their answer. */
export interface Questions {
  /** Completes when the answer has come. */
  readonly ask: (send: (id: number) => void) => Effect.Effect<void>
  readonly answered: (id: number) => void
}

export const make = (): Questions => {
  const open = new Map<number, () => void>()
  let last = 0
  return {
    ask: (send) =>
      Effect.callback<void>((resume) => {
        const id = ++last
        open.set(id, () => {
          open.delete(id)
          resume(Effect.void)
        })
        send(id)
        return Effect.sync(() => void open.delete(id))
      }),
    answered: (id) => open.get(id)?.()
  }
}
