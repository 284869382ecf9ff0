/**
 * The examples of the documentation: every ```ts block of README and docs, and every `@example` in the source.
 */
import { globSync, readFileSync } from "node:fs"

export interface Example {
  /** Where it is, as `docs/recipes.md:40`. */
  readonly at: string
  readonly code: string
  /** The title that it stands under, in a page. */
  readonly title: string | undefined
  /** The words after ```ts: `run` for one that can be run as it is. */
  readonly flags: ReadonlyArray<string>
  /** The ```text block right after it, if it has one: what it prints, with N for any number. */
  readonly output: string | undefined
}

const fence = /^```ts([^\n]*)\n([^]*?)^```\n(?:\n```text output\n([^]*?)^```$)?/gm
const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length

const inMarkdown = (file: string): ReadonlyArray<Example> => {
  const text = readFileSync(file, "utf8")
  return [...text.matchAll(fence)].map(({ 1: flags = "", 2: code = "", 3: output, index }) => ({
    at: `${file}:${lineOf(text, index)}`,
    title: /^#+ (.+)$/.exec(
      text
        .slice(0, index)
        .match(/^#+ .+$/gm)
        ?.at(-1) ?? ""
    )?.[1],
    code,
    flags: flags.trim().split(" "),
    output
  }))
}

const jsdoc = /^ *\* ```ts\n([^]*?)^ *\* ```$/gm

const inSource = (file: string): ReadonlyArray<Example> => {
  const text = readFileSync(file, "utf8")
  return [...text.matchAll(jsdoc)].map(({ 1: code = "", index }) => ({
    at: `${file}:${lineOf(text, index)}`,
    title: undefined,
    code: code.replaceAll(/^ *\* ?/gm, ""),
    flags: [],
    output: undefined
  }))
}

export const markdown: ReadonlyArray<string> = ["README.md", ...globSync("docs/*.md").toSorted()]

export const all: ReadonlyArray<Example> = [
  ...markdown.flatMap(inMarkdown),
  ...globSync("src/**/*.ts").toSorted().flatMap(inSource)
]
