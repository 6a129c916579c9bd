/** The bits of a cell's flags: one field instead of many, since a million idle cells carry it. */

/** Bits of `flags`. The low four are the order of the ring that this mailbox filled last. */
export const orderMask = 15
/** Offers take the long way: a bound other than depth, several lanes, or a closed mailbox. */
export const slowBit = 16
export const closedBit = 32
export const scheduledBit = 64
export const touchedBit = 128
export const stopBit = 256
export const runningBit = 512
/** Turns are open that wait for their effects. */
export const openBit = 1024
/** Where the bits of the cell's state begin. */
export const stateShift = 11
export const stateMask = 7 << stateShift
