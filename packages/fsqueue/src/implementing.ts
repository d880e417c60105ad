// For those who implement the `Store` contract: the checks of arguments that all stores make, and the errors
// that they reject with, so that codes, messages and details agree.
export { systemClock } from "./clock.ts";
export { checkOpenOptions, differingOptions } from "./open-options.ts";
export { checkProducer } from "./producer-rules.ts";
export {
  cursorConflict,
  messageTooLarge,
  offsetConflict,
  offsetInvalid,
  offsetTrimmed,
  orderConflict,
  producerEpochStart,
  producerFenced,
  producerGap,
  queueExists,
  queueFull,
  queueNotFound,
  queueSealed,
  storeClosed,
} from "./store-errors.ts";
export { checkName } from "./store-name.ts";
export { Waiters } from "./waiters.ts";
