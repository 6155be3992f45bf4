/** A few lines instead of a framework: elements from data, with text always as text. */

type Child = Node | string | null | undefined | false;

/** Attributes, `on…` listeners, and `var` for CSS custom properties (set through the DOM, which the policy allows). */
export interface Props {
  readonly class?: string | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly var?: Readonly<Record<`--${string}`, string | number>>;
  readonly on?: Readonly<
    Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>
  >;
}

/** An HTML element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props | string = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  dress(element, typeof props === "string" ? { class: props } : props);
  put(element, children);
  return element;
}

/** An SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  dress(element, props);
  put(element, children);
  return element;
}

/** Replaces what is in an element. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(
    ...children.filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Sets attributes; `null`, `undefined` and `false` take one away, `true` sets it empty. */
export function setAttributes(element: Element, attributes: NonNullable<Props["attributes"]>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** A text that only a screen reader reads. */
export function spoken(text: string): HTMLElement {
  return h("span", "spoken", text);
}

function put(element: Element, children: readonly Child[]): void {
  for (const child of children)
    if (child !== null && child !== undefined && child !== false) element.append(child);
}

function dress(element: HTMLElement | SVGElement, props: Props): void {
  if (props.class !== undefined) element.setAttribute("class", props.class);
  if (props.attributes !== undefined) setAttributes(element, props.attributes);
  for (const [name, value] of Object.entries(props.var ?? {})) element.style.setProperty(name, String(value));
  for (const [type, listener] of Object.entries(props.on ?? {}))
    element.addEventListener(type, listener as EventListener);
}

/**
 * The part of an element that has the keyboard's focus; null where none has it, also while the person is elsewhere in
 * the editor: a page that then gives the focus to one of its parts takes it from there.
 */
export function focusIn(element: Element): HTMLElement | null {
  const { activeElement } = document;
  return document.hasFocus() && activeElement instanceof HTMLElement && element.contains(activeElement)
    ? activeElement
    : null;
}
