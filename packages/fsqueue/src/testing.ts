export type { ContractCase, ContractHost, ContractNeed } from "./contract/contract-case.ts";
export {
  type ContractRunner,
  type ContractSubject,
  runContractCase,
  storeContract,
  testStoreContract,
} from "./contract/store-contract.ts";
export { type ManualClock, createManualClock } from "./contract/manual-clock.ts";
