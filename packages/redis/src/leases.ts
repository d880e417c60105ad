import type { Delivery, Leases } from "@lazy/fsqueue";
import { listOf, messageOf, type Reply, textOf } from "./reply.ts";

/** Runs an operation of the script on a queue; resolves with what follows `ok`. */
export type Run = (
  name: string,
  operation: string,
  args: readonly string[],
) => Promise<readonly Reply[]>;

/** Leases, by operations of the script. */
export function createLeases(run: Run): Leases {
  return {
    async acquire(name, group, { max, visibilityMs, maxDeliveries }) {
      const args = [group, String(max), String(visibilityMs), String(maxDeliveries)];
      return deliveriesOf(await run(name, "acquire", args));
    },
    async acknowledge(name, group, offsets) {
      await run(name, "acknowledge", [group, ...offsets]);
    },
    async release(name, group, offsets) {
      await run(name, "release", [group, ...offsets]);
    },
    async dead(name, group) {
      return deliveriesOf(await run(name, "dead", [group]));
    },
    async nextExpiry(name, group) {
      const [at] = await run(name, "nextExpiry", [group]);
      const text = textOf(at);
      return text === "" ? undefined : Number(text);
    },
  };
}

function deliveriesOf([deliveries]: readonly Reply[]): Delivery[] {
  return listOf(deliveries).map((one) => {
    const [entry = [], count] = listOf(one);
    return Object.assign(messageOf(entry), { deliveries: Number(textOf(count)) });
  });
}
