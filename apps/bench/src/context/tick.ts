/** A call that is awaited: one promise and one trip through the microtask queue. */
export async function tick(): Promise<void> {}
