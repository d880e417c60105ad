import { type Client, inParallel } from "./client.ts";
import { stamped } from "./tail.ts";

// Each checks what it read or wrote, so that no server wins by dropping messages.

const messageBytes = 100;

/** Appends a second, each awaited before the next. */
export async function appendOneByOne(client: Client, count: number): Promise<number> {
  return appendTo(client, 1, 1, count);
}

/** Appends a second, 64 at a time to one queue. */
export async function appendToOne(client: Client, count: number): Promise<number> {
  return appendTo(client, 1, 64, count);
}

/** Appends a second, 100 at a time to 100 queues. */
export async function appendToHundred(client: Client, count: number): Promise<number> {
  return appendTo(client, 100, 100, count);
}

async function appendTo(
  client: Client,
  queues: number,
  atOnce: number,
  count: number,
): Promise<number> {
  const names = await createMany(client, queues);
  const start = performance.now();
  await inParallel(count, atOnce, (n) =>
    client.append(names[n % queues]!, "x".repeat(messageBytes)),
  );
  const seconds = (performance.now() - start) / 1000;
  let bytes = 0;
  for (const name of names) bytes += bytesOf(await client.readAll(name));
  if (bytes !== count * messageBytes) throw new Error(`${bytes} bytes are there.`);
  await removeMany(client, names);
  return count / seconds;
}

/** Queues to read, by server; written before the first round. */
const written = new WeakMap<Client, Promise<string>>();

async function writeOnce(client: Client, write: (name: string) => Promise<void>, type?: string) {
  const [name = ""] = await createMany(client, 1, type);
  await write(name);
  return name;
}

function prepared(client: Client, write: (name: string) => Promise<void>, type?: string) {
  const known = written.get(client) ?? writeOnce(client, write, type);
  written.set(client, known);
  return known;
}

/** Megabytes a second of four readers of a queue of 100-byte messages. */
export async function catchUpText(client: Client, count: number): Promise<number> {
  const name = await prepared(client, (queue) =>
    inParallel(count, 64, () => client.append(queue, "x".repeat(messageBytes))),
  );
  const reads = 40;
  const start = performance.now();
  await inParallel(reads, 4, async () => {
    const bytes = bytesOf(await client.readAll(name));
    if (bytes !== count * messageBytes) throw new Error(`${bytes} bytes were read.`);
  });
  const seconds = (performance.now() - start) / 1000;
  return (reads * count * messageBytes) / 1e6 / seconds;
}

/** Messages a second of two readers of a queue of JSON. */
export async function catchUpJson(client: Client, count: number): Promise<number> {
  const batch = Array.from({ length: 200 }, (_, id) => ({ id, delta: "lorem ipsum dolor sit" }));
  const body = JSON.stringify(batch);
  const write = async (queue: string): Promise<void> => {
    for (let n = 0; n < count; n += batch.length) {
      await client.append(queue, body, "application/json");
    }
  };
  const name = await prepared(client, write, "application/json");
  const reads = 20;
  const start = performance.now();
  let bodies: Buffer[] = [];
  await inParallel(reads, 2, async () => {
    bodies = await client.readAll(name);
  });
  const seconds = (performance.now() - start) / 1000;
  const read = bodies.reduce((sum, one) => sum + (JSON.parse(String(one)) as unknown[]).length, 0);
  if (read !== count) throw new Error(`${read} messages were read.`);
  return (reads * count) / seconds;
}

/** Median milliseconds from sending a message to its arrival at a live reader. */
export async function tailLatency(client: Client, count: number): Promise<number> {
  const [name = ""] = await createMany(client, 1);
  const tail = await client.tail(name);
  for (let n = 0; n < count; n++) await client.append(name, stamped(messageBytes));
  await tail.received(count);
  tail.close();
  await client.remove(name);
  return tail.latencies.toSorted((left, right) => left - right)[Math.floor(count / 2)]!;
}

/** Messages a second that arrive at 50 live readers of one queue. */
export async function fanOut(client: Client, count: number): Promise<number> {
  const readers = 50;
  const [name = ""] = await createMany(client, 1);
  const tails = await Promise.all(Array.from({ length: readers }, () => client.tail(name)));
  const start = performance.now();
  for (let n = 0; n < count; n++) await client.append(name, stamped(messageBytes));
  await Promise.all(tails.map((tail) => tail.received(count)));
  const seconds = (performance.now() - start) / 1000;
  for (const tail of tails) tail.close();
  await client.remove(name);
  return (readers * count) / seconds;
}

/** New queues; resolves with their names. */
export async function createMany(
  client: Client,
  count: number,
  contentType?: string,
): Promise<string[]> {
  const names = Array.from({ length: count }, () => client.newName());
  await inParallel(count, 16, (n) => client.create(names[n]!, contentType));
  return names;
}

/** Removes queues. */
export async function removeMany(client: Client, names: readonly string[]): Promise<void> {
  await inParallel(names.length, 16, (n) => client.remove(names[n]!));
}

function bytesOf(bodies: readonly Buffer[]): number {
  return bodies.reduce((sum, body) => sum + body.length, 0);
}
