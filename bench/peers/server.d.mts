/** Answers its port. */
export function serveMercurius(schema: string, resolvers: object): Promise<number>
