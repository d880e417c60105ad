import { inspect, type InspectOptions } from "node:util";
import { NOTHING, registry, type SessionRecord } from "./registry.ts";

/** A session as a person wants to read it: id, state, parent, and the globals that were touched. */
export function inspectSession(
  session: SessionRecord,
  depth: number,
  options: InspectOptions,
): string {
  const state = ["open", "ending", "disposed"][session.phase];
  if (depth < 0) return `[Session ${JSON.stringify(session.id)}]`;
  const globals: Record<string, unknown> = {};
  session.sets?.forEach((values, index) => {
    const set = registry.globals[index];
    if (set === undefined || values === undefined) return;
    const touched = set.keys
      .map((key, place): [string, unknown] => [key, values[place]])
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, value === NOTHING ? undefined : value]);
    globals[set.name ?? `#${index}`] = Object.fromEntries(touched);
  });
  const shown = {
    id: session.id,
    state,
    ...(session.parent && { parent: session.parent.id }),
    ...(Object.keys(globals).length > 0 && { globals }),
  };
  return `Session ${inspect(shown, { ...options, depth })}`;
}
