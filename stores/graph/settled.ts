/**
 * The tally of dead letters that were let go or mended. A tenant's version tells it: nothing else
 * that moves does.
 */
export const settledTally = "deadLettersSettled"
