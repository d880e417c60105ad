// oxlint-disable-next-line no-unassigned-import -- Nest asks for it
import "reflect-metadata";
import { AsyncLocalStorage } from "node:async_hooks";
import { requestContext, asyncLocalStorage as fastifyStorage } from "@fastify/request-context";
import { defineGlobals } from "@lazy/context";
import { ClsService } from "nestjs-cls";
import { createContext } from "unctx";

/** What each library keeps for a request in these questions. */
export interface Chat {
  user: string;
  tokens: number;
}

/** The nine keys of which a session usually touches two. */
export const defaults = {
  user: "",
  tokens: 0,
  model: "small",
  tenant: null as string | null,
  history: [] as string[],
  settings: { temperature: 0.7, stop: ["\n"], tools: { search: true, code: false } },
  trace: { id: "", spans: [] as string[] },
  flags: { beta: false, limits: { tokens: 4096, seconds: 60 } },
  files: [] as string[],
};

export const chat = defineGlobals(defaults, { name: "chat" });

/** A storage and nothing else: what every ratio is taken against. */
export const bare = new AsyncLocalStorage<Chat>();

const nestStorage = new AsyncLocalStorage<Record<string, unknown>>();
export const nest = new ClsService(nestStorage as never);

export const unctx = createContext<Chat>({ asyncContext: true, AsyncLocalStorage });

/** The context of @fastify/request-context, entered as its hook enters it. */
export const fastify = {
  run: <R>(store: Chat, fn: () => R): R => fastifyStorage.run<R>(store as never, fn),
  get: (key: keyof Chat): unknown => requestContext.get(key as never),
  set: (key: keyof Chat, value: unknown): void => requestContext.set(key as never, value as never),
};
