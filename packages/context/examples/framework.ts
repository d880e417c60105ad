import { session } from "@lazy/context";

declare global {
  namespace Lazy {
    interface FrameworkKeys {
      tenant: { name: string };
    }
  }
}

session.run((s) => {
  s.framework.tenant = { name: "acme" };
  s.fork(() => console.log(session.current().framework.tenant?.name)); // prints acme
});
