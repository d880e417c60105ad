/** Under this key a combinator says what it is made of, for drawing. */
export const shape: unique symbol = Symbol("lazy.flow.shape");

/** What a combinator is made of. */
export interface Shape {
  readonly kind: "fork" | "choice" | "loop" | "each" | "graph";
  readonly label: string;
  readonly parts: readonly Part[];
}

/** One part: its name, what it is, and for a graph the names of the parts it reads. */
export interface Part {
  readonly name: string;
  readonly step: unknown;
  readonly reads?: readonly string[];
}

/** The shape of a step, if it is a combinator. */
export function shapeOf(step: unknown): Shape | undefined {
  return typeof step === "function" ? (step as { [shape]?: Shape })[shape] : undefined;
}
