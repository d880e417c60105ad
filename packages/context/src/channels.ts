import { channel, type Channel } from "node:diagnostics_channel";

/** A session was opened; published synchronously, so a stack taken in the subscriber is that of the opening. Message: `{ session }`. */
export const openedChannel: Channel = channel("lazy:session:opened");
/** A session has ended: its disposers have run and its data is gone. Message: `{ session, outcome }`. */
export const closedChannel: Channel = channel("lazy:session:closed");
/** `extract` did without a header or a key that it could not accept. Message: `{ header, reason }`. */
export const refusedChannel: Channel = channel("lazy:session:refused");
