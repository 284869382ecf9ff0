/**
 * The commands as processes, from their source.
 */
import { type ChildProcess, spawn } from "node:child_process"

export interface Started {
  readonly process: ChildProcess
  /** What it wrote to stdout. */
  readonly output: () => string
  /** What it wrote to stderr. */
  readonly errors: () => string
  readonly port: () => string
  readonly token: (identity: string) => string
  readonly exit: Promise<number | null>
}

export const start = (...args: ReadonlyArray<string>): Started => startWith({}, ...args)

/** With more in its environment. */
export const startWith = (more: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>): Started => {
  const {
    LIVEKIT_API_KEY: _key,
    LIVEKIT_API_SECRET: _secret,
    LIVEKIT_TOKEN: _token,
    LIVEKIT_URL: _url,
    ...env
  } = process.env
  const child = spawn(process.execPath, ["--conditions=@effect-livekit/source", "src/cli.ts", ...args], {
    env: { ...env, ...more }
  })
  const chunks: Array<string> = []
  const errors: Array<string> = []
  child.stdout.on("data", (chunk) => chunks.push(String(chunk)))
  child.stderr.on("data", (chunk) => errors.push(String(chunk)))
  const find = (pattern: RegExp) => pattern.exec(chunks.join(""))?.[1] ?? ""
  return {
    process: child,
    output: () => chunks.join(""),
    errors: () => errors.join(""),
    port: () => find(/127\.0\.0\.1:(\d+)/),
    token: (identity) => find(new RegExp(`token of ${identity} for room .+:\n([\\w-]+\\.[\\w-]+\\.[\\w-]+)`)),
    exit: new Promise((resolve) => child.once("close", resolve))
  }
}

/** A dev server that is ready, on a free port unless told otherwise. */
export const started = async (...args: ReadonlyArray<string>): Promise<Started> => {
  const child = start("dev-server", ...(args.includes("--port") ? [] : ["--port", "0"]), ...args)
  await until(child, /Ctrl-C stops the server/)
  return child
}

export const until = ({ errors, output, process: child }: Started, expected: RegExp) =>
  new Promise<void>((resolve, reject) => {
    child.once("close", () => reject(new Error(output() + errors())))
    const check = () => expected.test(output()) && resolve()
    child.stdout?.on("data", check)
    check()
  })
