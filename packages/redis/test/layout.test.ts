import { runContractCase, storeContract } from "@lazy/fsqueue/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { openCable } from "./fixtures/cable.ts";
import { createHost } from "./fixtures/contract-host.ts";
import { freePort, hasRedis, startRedis } from "./fixtures/redis-server.ts";
import {
  bytes,
  freshPrefix,
  numbers,
  openStore,
  sharedServer,
  textsOf,
} from "./fixtures/temporary.ts";

describe.skipIf(!hasRedis())("how it talks to Redis", () => {
  const server = sharedServer();

  test("the calls of one turn leave together, and a script's text is sent once", async () => {
    const cable = await openCable(server().port);
    onTestFinished(() => cable.close());
    const store = await openStore({ url: cable.url, prefix: freshPrefix() });
    await store.open("q");
    const requests = () => cable.lines.reduce((sum, line) => sum + line.requests, 0);
    const before = requests();
    await Promise.all(numbers(200).map((n) => store.append("q", [bytes(n)])));
    expect(requests() - before).toBeLessThan(10);
    expect(await textsOf(store, "q")).toEqual(numbers(200));
    const stats = String(await server().command("INFO", "commandstats"));
    expect(stats).toMatch(/cmdstat_script\|load:calls=1,/);
    expect(stats).not.toContain("cmdstat_eval:");
  });

  test("every call stays in one slot of a cluster", async () => {
    // A server of a cluster refuses what would reach over two slots, though it has them all itself.
    const cluster = await startRedis({
      "cluster-enabled": "yes",
      "cluster-port": String(await freePort()),
      "cluster-require-full-coverage": "no",
    });
    onTestFinished(() => cluster.close());
    await cluster.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await expect
      .poll(async () => String(await cluster.command("CLUSTER", "INFO")))
      .toContain("cluster_state:ok");
    const subject = {
      name: "a server of a cluster",
      provides: ["clock", "leases"] as const,
      createHost: () => createHost(cluster, true),
    };
    const groups = new Set(["leases", "producers", "cursors", "take, trim and remove", "wait"]);
    const cases = storeContract.filter(
      ({ group, needs }) =>
        groups.has(group) && needs.every((need) => need === "clock" || need === "leases"),
    );
    expect(cases.length).toBeGreaterThan(40);
    for (const one of cases) await runContractCase(one, subject);
  });

  test("needs no more rights than the README names", async () => {
    const commands =
      "evalsha script|load hget hmget hset hdel hexists xadd xrange xtrim zadd zrem zrangebyscore unlink pexpireat pttl time publish subscribe unsubscribe scan set get exists del sadd srem smembers pexpire ping config|get";
    const rights = commands.split(" ").map((name) => `+${name}`);
    const only = ["~host*:*", "&host*:*"];
    await server().command("ACL", "SETUSER", "limited", "on", ">secret", ...only, ...rights);
    const limited = { ...server(), url: server().url.replace("//", "//limited:secret@") };
    const subject = {
      name: "a user with few rights",
      provides: ["clock", "leases", "restart"] as const,
      createHost: () => createHost(limited, true),
    };
    const provided: readonly string[] = subject.provides;
    const cases = storeContract.filter(
      ({ group, needs }) => group !== "append" && needs.every((need) => provided.includes(need)),
    );
    expect(cases.length).toBeGreaterThan(90);
    for (const one of cases) await runContractCase(one, subject);
    const prefix = `host${freshPrefix()}`;
    const store = await openStore({ url: limited.url, prefix });
    await store.open("q", { owned: true });
    const next = await openStore({ url: limited.url, prefix });
    await store.close();
    const given: string[] = [];
    await next.settleOrphans?.(async (orphans) => {
      for (const { name } of orphans) await next.open(name);
      given.push(...orphans.map(({ name }) => name));
    });
    expect(given).toEqual(["q"]);
  });
});
