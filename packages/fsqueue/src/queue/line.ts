/**
 * First in, first out. `Array.shift` moves everything that is behind: 200,000 calls in line took 15 s
 * that way, and take 0.2 s this way.
 */
export class Line<T> {
  #items: T[] = [];
  /** Only items from here onward are live. */
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#first += 1;
    if (this.#first === this.#items.length) this.takeAll();
    else if (this.#first >= 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  remove(item: T): void {
    const index = this.#items.indexOf(item, this.#first);
    if (index !== -1) this.#items.splice(index, 1);
  }

  takeAll(): T[] {
    const items = this.#items.slice(this.#first);
    this.#items = [];
    this.#first = 0;
    return items;
  }
}
