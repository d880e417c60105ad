/**
 * Who waits for something: pairs of the function that settles a promise and the value it is settled with,
 * one after the other in one array, since there is a pair for every append.
 */
export type Acknowledgements = unknown[];

type Settle = (value: unknown) => void;

export function settleAll(list: Acknowledgements): void {
  for (let at = 0; at < list.length; at += 2) (list[at] as Settle)(list[at + 1]);
  list.length = 0;
}

export function rejectAll(list: Acknowledgements, error: unknown): void {
  for (let at = 0; at < list.length; at += 2) (list[at] as Settle)(Promise.reject(error));
  list.length = 0;
}
