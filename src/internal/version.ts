/** The version of this library, as servers are told it. Written by `npm run version`. */
export const version = "0.0.0"
