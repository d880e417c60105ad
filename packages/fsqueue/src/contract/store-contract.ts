import { appendCases } from "./append-cases.ts";
import type { ContractCase, ContractHost, ContractNeed } from "./contract-case.ts";
import { copyCases } from "./copy-cases.ts";
import { cursorCases } from "./cursor-cases.ts";
import { dropCases } from "./drop-cases.ts";
import { expiryCases } from "./expiry-cases.ts";
import { forkCases } from "./fork-cases.ts";
import { leaseCases } from "./lease-cases.ts";
import { lifetimeCases } from "./lifetime-cases.ts";
import { liveCases } from "./live-cases.ts";
import { openCases } from "./open-cases.ts";
import { producerCases } from "./producer-cases.ts";
import { readCases } from "./read-cases.ts";
import { sealCases } from "./seal-cases.ts";
import { waitCases } from "./wait-cases.ts";

/** Every promise of the `Store` contract as one case. Run each on a host of its own. */
export const storeContract: readonly ContractCase[] = [
  ...openCases,
  ...appendCases,
  ...producerCases,
  ...readCases,
  ...copyCases,
  ...waitCases,
  ...liveCases,
  ...sealCases,
  ...dropCases,
  ...cursorCases,
  ...leaseCases,
  ...expiryCases,
  ...forkCases,
  ...lifetimeCases,
];

/** What {@link testStoreContract} needs of a test runner; `node:test`, vitest, jest and mocha have it. */
export interface ContractRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => Promise<void>): unknown;
  /** Called instead of `test` for a case that the host cannot run. Default: the name is left out. */
  skip?(name: string, reason: string): unknown;
}

/** The store that the suite is run on. */
export interface ContractSubject {
  /** Stands in front of every group's name. */
  readonly name: string;
  /** What the store and its host can do; cases that need more are skipped. */
  readonly provides: readonly ContractNeed[];
  /** A fresh, empty store. */
  createHost(): Promise<ContractHost>;
}

/** Declare the whole contract as tests of this runner. */
export function testStoreContract(runner: ContractRunner, subject: ContractSubject): void {
  const runs = (one: ContractCase): boolean =>
    runner.skip !== undefined || one.needs.every((need) => subject.provides.includes(need));
  for (const group of new Set(storeContract.filter(runs).map((one) => one.group))) {
    runner.describe(`${subject.name}: ${group}`, () => {
      for (const one of storeContract.filter((other) => other.group === group)) {
        const missing = one.needs.filter((need) => !subject.provides.includes(need));
        if (missing.length > 0) runner.skip?.(one.name, `needs ${missing.join(", ")}`);
        else runner.test(one.name, () => runContractCase(one, subject));
      }
    });
  }
}

/** Run one case on a host of its own. Rejects when the promise is broken. */
export async function runContractCase(one: ContractCase, subject: ContractSubject): Promise<void> {
  const host = await subject.createHost();
  try {
    await one.run(host);
  } finally {
    await host.close();
  }
}
