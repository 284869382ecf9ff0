/**
 * Does what a process or page of the benchmark is asked to, with a client of any make, and measures itself.
 */
import type { Client, MakeClient } from "../test/clients/Client.ts"
import type { Results, Task, Usage } from "./Task.ts"

/** What only the host of a client knows. */
export interface Host {
  /** Milliseconds of CPU so far. */
  readonly cpu: () => Promise<number>
  /** Watches the event loop; stopped, it says in milliseconds how late the latest hundredth of turns came, where that can be had. */
  readonly watchEventLoop: () => () => number | undefined
  readonly usage: () => Promise<Omit<Usage, "losses">>
}

/** Milliseconds of a clock that all processes and pages of a machine share. */
export const now = (): number => performance.timeOrigin + performance.now()

const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

export type Perform = (task: Task) => Promise<Results[keyof Results]>

export const makePerform = (makeClient: MakeClient, host: Host): Perform => {
  const many: Array<Client> = []
  const self = {
    client: undefined as Client | undefined,
    arrivals: [] as Array<number>,
    backAt: undefined as number | undefined,
    losses: 0,
    onData: undefined as ((bytes: Uint8Array) => void) | undefined,
    wake: () => {},
    isTicking: false,
    ticking: Promise.resolve(0)
  }
  const make = () =>
    makeClient({
      onData: ({ bytes }) => {
        self.arrivals.push(now())
        self.onData?.(bytes)
        self.wake()
      },
      onChange: (change) => {
        if (change !== "reconnected") return void self.losses++
        self.backAt = now()
        self.wake()
      }
    })
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => (self.wake = resolve))
  }
  /** As many packets as that, or as many as come without a pause of 5 s. */
  const received = async (count: number): Promise<Results["Received"]> => {
    for (;;) {
      const before = self.arrivals.length
      await Promise.race([until(() => self.arrivals.length >= count), sleep(5_000)])
      if (self.arrivals.length >= count || self.arrivals.length === before) break
    }
    const have = Math.min(count, self.arrivals.length)
    return { count: have, lastAt: self.arrivals[have - 1] ?? Number.NaN }
  }
  const joined = () => {
    if (self.client === undefined) throw new Error("not joined")
    return self.client
  }

  const roundTrips = async (count: number, size: number, spacing: number) => {
    const client = joined()
    const sentAt: Array<number> = []
    const times: Array<number> = []
    self.onData = (bytes) => {
      const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
      const sent = sentAt[index]
      if (sent !== undefined) times.push(now() - sent)
    }
    const start = now()
    for (let index = 0; index < count; index++) {
      const payload = new Uint8Array(size)
      new DataView(payload.buffer).setUint32(0, index)
      sentAt.push(now())
      await client.send(payload, { reliable: true })
      await sleep(Math.max(0, start + (index + 1) * spacing - now()))
    }
    await Promise.race([until(() => times.length === count), sleep(2_000)])
    self.onData = undefined
    return times
  }

  const flood = async (count: number, size: number) => {
    const client = joined()
    const batch = Array.from({ length: 32 }, () => new Uint8Array(size))
    const startedAt = now()
    const before = await host.cpu()
    for (let sent = 0; sent < count; sent += batch.length) {
      await client.sendAll(batch.slice(0, count - sent), { reliable: true })
    }
    return { startedAt, cpu: (await host.cpu()) - before }
  }

  const lossy = async (perSecond: number, size: number, seconds: number) => {
    const client = joined()
    const payload = new Uint8Array(size)
    const before = await host.cpu()
    const start = now()
    let sent = 0
    const stopWatching = host.watchEventLoop()
    while (now() - start < seconds * 1000) {
      const due = Math.floor(((now() - start) * perSecond) / 1000) - sent
      sent += due
      if (due > 0)
        await client.sendAll(
          Array.from({ length: due }, () => payload),
          { reliable: false }
        )
      await sleep(1)
    }
    return { sent, delayP99: stopWatching(), cpu: (await host.cpu()) - before }
  }

  const tick = async (spacing: number) => {
    const client = joined()
    let sent = 0
    while (self.isTicking) {
      // Not awaited: a client that holds a packet back must not slow the pace.
      void client.send(new Uint8Array(64), { reliable: true }).catch(() => {})
      sent++
      await sleep(spacing)
    }
    return sent
  }

  const perform: Perform = async (task) => {
    switch (task._tag) {
      case "Join":
        self.client = await make()
        await self.client.connect(task.url, task.token)
        return null
      case "JoinAndSend": {
        const startedAt = now()
        self.client = await make()
        await self.client.connect(task.url, task.token)
        const joinedAt = now()
        await self.client.send(new Uint8Array(8), { reliable: true })
        return { startedAt, joinedAt }
      }
      case "Leave":
        await self.client?.disconnect()
        self.client = undefined
        return null
      case "Echo": {
        const client = joined()
        self.onData = (bytes) => void client.send(bytes, { reliable: true })
        return null
      }
      case "RoundTrips":
        return roundTrips(task.count, task.size, task.spacing)
      case "Flood":
        return flood(task.count, task.size)
      case "Lossy":
        return lossy(task.perSecond, task.size, task.seconds)
      case "Tick":
        self.isTicking = true
        self.ticking = tick(task.spacing)
        return null
      case "StopTicking":
        self.isTicking = false
        return self.ticking
      case "Received":
        return received(task.count)
      case "Forget":
        self.arrivals = []
        self.backAt = undefined
        self.onData = undefined
        return null
      case "Arrivals":
        return self.arrivals
      case "Back":
        await until(() => self.backAt !== undefined)
        return self.backAt ?? Number.NaN
      case "JoinMany": {
        const start = now()
        // A few at once: this is about what they cost, not about a rush.
        const waiting = [...task.tokens]
        const joinNext = async (): Promise<void> => {
          const token = waiting.shift()
          if (token === undefined) return
          const client = await make()
          await client.connect(task.url, token)
          many.push(client)
          return joinNext()
        }
        await Promise.all(Array.from({ length: 8 }, joinNext))
        return { millis: now() - start }
      }
      case "Usage":
        return { ...(await host.usage()), losses: self.losses }
    }
  }

  return perform
}
