/**
 * The recipes of the documentation as modules.
 */
import { Effect } from "effect"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { all } from "./examples.ts"

const scratch = `.tmp/recipes-${process.pid}`
mkdirSync(scratch, { recursive: true })
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }))

/** What a recipe defines, by the names wanted; the nth under its title, with other addresses where it is to reach a server. */
export const recipe = <A>(
  title: string,
  names: ReadonlyArray<keyof A & string>,
  nth = 0,
  addresses: Readonly<Record<string, string>> = {}
): Effect.Effect<A> =>
  Effect.promise(() => {
    const found = all.filter((example) => example.at.startsWith("docs/recipes.md") && example.title === title)[nth]
    if (found === undefined) throw new Error(`there is no recipe ${title}`)
    const file = join(scratch, `${title.replaceAll(/\W/g, "-")}-${nth}.ts`)
    const code = Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), found.code)
    writeFileSync(file, `${code}\nexport { ${names.join(", ")} }\n`)
    return import(/* @vite-ignore */ resolve(file))
  })
