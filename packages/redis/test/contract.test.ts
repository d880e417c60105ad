import { runContractCase, storeContract, testStoreContract } from "@lazy/fsqueue/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHost, createMortalHost } from "./fixtures/contract-host.ts";
import { hasRedis, type RedisServer, startRedis } from "./fixtures/redis-server.ts";

describe.skipIf(!hasRedis())("the contract", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server.close());

  testStoreContract(
    { describe, test },
    {
      name: "Redis, a clock of its own",
      provides: ["clock", "leases", "restart"],
      createHost: () => createHost(server, true),
    },
  );

  testStoreContract(
    { describe, test },
    {
      name: "Redis",
      provides: ["leases", "restart"],
      createHost: () => createHost(server, false),
    },
  );

  describe("Redis that is killed, with the process that uses it", () => {
    const subject = {
      name: "Redis that is killed",
      provides: [],
      createHost: () => createMortalHost(server),
    };
    for (const one of storeContract.filter(({ needs }) => needs.includes("crash"))) {
      test(`${one.group}: ${one.name}`, async () => {
        await expect(runContractCase(one, subject)).resolves.toBeUndefined();
      });
    }
  });
});
