import { session } from "@lazy/context";
import { expect, expectTypeOf, test } from "vitest";

declare global {
  namespace Lazy {
    interface FrameworkKeys {
      tenant: { name: string };
    }
  }
}

test("frameworks own typed keys of a session; a fork starts with its parent's", async () => {
  const s = session.open();
  expectTypeOf<typeof s.framework.tenant>().toEqualTypeOf<{ name: string } | undefined>();
  s.framework.tenant = { name: "acme" };
  s.fork((fork) => {
    expect(fork.framework.tenant?.name).toBe("acme");
    delete fork.framework.tenant;
  });
  expect(s.framework).toEqual({ tenant: { name: "acme" } });
  await s.close();
});
