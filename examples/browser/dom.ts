/**
 * The view layer: elements made in one expression. What changes is changed by the streams that bring the change, so there is
 * nothing to diff and no framework to learn before the engine can be read.
 */
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** Makes an element; attributes that are false or undefined are left out, true stands for an empty one. */
export const element = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Tag] => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value))
  }
  made.append(...children)
  return made
}

/** An element of the page's HTML. */
export const byId = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}
