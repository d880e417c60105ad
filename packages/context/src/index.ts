export { session, type SessionApi, type SessionStats } from "./api.ts";
export type { HeaderSource, HeaderTarget } from "./carrier.ts";
export { SessionError, isSessionError, type SessionErrorCode } from "./errors.ts";
export {
  defineGlobals,
  type GlobalValues,
  type Globals,
  type GlobalsMethods,
  type GlobalsOptions,
  type WritableKey,
} from "./globals.ts";
export type { GlobalPolicies, GlobalPolicy } from "./policy.ts";
export { captureContext, type Scope } from "./scope.ts";
export type { Session, SessionDisposer, SessionOptions, SessionOutcome } from "./session.ts";
export type { OpenSession, SessionWatch } from "./watch.ts";
