import { SessionError } from "./errors.ts";
import { registry, type Attached, type SessionRecord } from "./registry.ts";
import { decodePayload, encodePayload, type Payload } from "./payload.ts";
import { refuse } from "./refusal.ts";

/** The header that carries a session: its id and the globals whose policy says `propagate`. */
const sessionHeader = "lazy-session";

/** Where `extract` reads headers: a `Headers` or map, Node's `request.headers`, or what `inject` returned. */
export type HeaderSource =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Where `inject` writes headers. */
export type HeaderTarget = { set(name: string, value: string): unknown } | Record<string, string>;

const maxBytes = 4096;
const maxBaggageBytes = 8192;

/** W3C Trace Context and Baggage, passed on as they came if they have the right form. */
const traceHeaders: Readonly<
  Record<"traceparent" | "tracestate" | "baggage", (value: string) => boolean>
> = {
  traceparent: (value) =>
    /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/.test(value),
  tracestate: (value) => value.length <= 512 && /^[ -~\t]+$/.test(value),
  baggage: (value) => value.length <= maxBaggageBytes && /^[ -~\t]+$/.test(value),
};
const traceNames = Object.keys(traceHeaders) as (keyof typeof traceHeaders)[];

/** Writes a session into headers. */
export function inject(session: SessionRecord, headers: HeaderTarget): void {
  const globals: Record<string, Record<string, unknown>> = {};
  session.sets?.forEach((values, index) => {
    const set = registry.globals[index];
    const propagated = values === undefined ? undefined : set?.propagated(values);
    if (propagated !== undefined && set?.name !== undefined) globals[set.name] = propagated;
  });
  const value = encodePayload({ id: session.id, globals });
  if (value.length > maxBytes) throw tooLarge(value.length, globals);
  write(headers, sessionHeader, value);
  for (const name of traceNames) {
    const trace = session.attached?.[name];
    if (trace !== undefined && read(headers as HeaderSource, name) === undefined) {
      write(headers, name, trace);
    }
  }
}

/** The trace headers; those of another form are refused. */
export function extractTrace(headers: HeaderSource): Attached | undefined {
  const attached: Attached = {};
  for (const name of traceNames) {
    const value = readOne(headers, name);
    if (value === undefined) continue;
    if (traceHeaders[name](value)) attached[name] = value;
    else refuse(name, "it does not have the form that W3C gives it");
  }
  return Object.keys(attached).length > 0 ? attached : undefined;
}

/** The payload. One that is not as `inject` writes it is refused, which is counted, not thrown. */
export function extractPayload(headers: HeaderSource): Payload | undefined {
  const value = readOne(headers, sessionHeader);
  if (value === undefined) return undefined;
  try {
    if (value.length > maxBytes) {
      throw new Error(`it has ${value.length} bytes, the limit is ${maxBytes}`);
    }
    return decodePayload(value);
  } catch (error) {
    refuse(sessionHeader, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Sets the globals that a payload carries in a session that has just been opened. */
export function receive(session: SessionRecord, payload: Payload): void {
  for (const [name, values] of Object.entries(payload.globals)) {
    const set = registry.globals.find((one) => one.name === name);
    const refused = set?.receive(session, values) ?? Object.keys(values);
    for (const key of refused) {
      refuse(sessionHeader, `the key ${name}.${key} is not one that may be received`);
    }
  }
}

function readOne(headers: HeaderSource, name: string): string | undefined {
  const value = read(headers, name);
  if (value === undefined || typeof value === "string") return value;
  refuse(name, `it is given ${Array.isArray(value) ? `${value.length} times` : "as no text"}`);
  return undefined;
}

function read(headers: HeaderSource, name: string): unknown {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const record = headers as Readonly<Record<string, unknown>>;
  const key = Object.hasOwn(record, name)
    ? name
    : Object.keys(record).find((one) => one.toLowerCase() === name);
  const value = key === undefined ? undefined : record[key];
  return Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : (value ?? undefined);
}

function write(headers: HeaderTarget, name: string, value: string): void {
  if (typeof headers.set === "function") headers.set(name, value);
  else (headers as Record<string, string>)[name] = value;
}

function tooLarge(size: number, globals: Record<string, Record<string, unknown>>): SessionError {
  const sizes = Object.entries(globals).flatMap(([set, values]) =>
    Object.entries(values).map(([key, value]) => ({
      key: `${set}.${key}`,
      bytes: Buffer.byteLength(JSON.stringify(value)),
    })),
  );
  const largest = sizes.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3);
  return new SessionError(
    "BUDGET_EXCEEDED",
    `The header ${sessionHeader} would have ${size} bytes; the limit is ${maxBytes}. Largest: ` +
      `${largest.map(({ key, bytes }) => `${key} (${bytes})`).join(", ")}. ` +
      "Propagate an id and look the rest up on the other side.",
    { details: { size, limit: maxBytes, largest } },
  );
}
