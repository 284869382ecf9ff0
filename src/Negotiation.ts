/**
 * Who has been promised which offer: the state of one peer connection's negotiation as plain data.
 *
 * Every request gets a revision. An offer covers all revisions up to the newest one at the moment its making begins, and its
 * answer acknowledges them. Nothing else has to be remembered: no flag can be lost between two requests (PT6), and a request
 * made while an offer is being made or is out is simply not covered yet.
 *
 * Invariants: acknowledged <= outstanding.covers <= requested; ids only grow.
 */

/**
 * An offer on its way, or being made.
 *
 * @category models
 */
export interface Outstanding {
  readonly id: number
  readonly covers: number
}

/**
 * Where the offers of one peer connection stand.
 *
 * @category models
 */
export interface Negotiation {
  readonly requested: number
  readonly acknowledged: number
  /** Some request that no offer covers yet wants an ICE restart. */
  readonly iceRestart: boolean
  readonly outstanding: Outstanding | undefined
  readonly lastId: number
}

/**
 * Nothing asked for, nothing offered.
 *
 * @category constructors
 */
export const initial: Negotiation = {
  requested: 0,
  acknowledged: 0,
  iceRestart: false,
  outstanding: undefined,
  lastId: 0
}

/**
 * Asks for an offer. The revision to wait for is `requested` of the result.
 *
 * @category transitions
 */
export const request = (self: Negotiation, options: { readonly iceRestart: boolean }): Negotiation => ({
  ...self,
  requested: self.requested + 1,
  iceRestart: self.iceRestart || options.iceRestart
})

/**
 * What to do now.
 *
 * - `Nothing`: all is covered.
 * - `Offer`: make an offer. It takes the place of one that is out, if a restart cannot wait for the answer to that (PT9).
 * - `Wait`: an offer is out; another is due once it is answered (PT4).
 *
 * @category decisions
 */
export const next = (self: Negotiation): "Nothing" | "Offer" | "Wait" => {
  if (self.outstanding === undefined) return self.requested > self.acknowledged ? "Offer" : "Nothing"
  if (self.requested === self.outstanding.covers) return "Nothing"
  return self.iceRestart ? "Offer" : "Wait"
}

/**
 * An offer is about to be made; `outstanding` of the result has its id (PT18). It covers what one that is out was to cover.
 *
 * @category transitions
 */
export const offered = (self: Negotiation): Negotiation & { readonly outstanding: Outstanding } => ({
  ...self,
  iceRestart: false,
  lastId: self.lastId + 1,
  outstanding: { id: self.lastId + 1, covers: self.requested }
})

/**
 * The same offer is about to be sent again under a new id, because the way back of its answer is gone.
 *
 * @category transitions
 */
export const offeredAgain = (self: Negotiation): Negotiation =>
  self.outstanding === undefined
    ? self
    : { ...self, lastId: self.lastId + 1, outstanding: { id: self.lastId + 1, covers: self.outstanding.covers } }

/**
 * Whether an answer belongs to the offer that is out. Id 0 comes from servers that know no ids and belongs to the newest offer
 * (PT18, V6).
 *
 * @category decisions
 */
export const isCurrent = (self: Negotiation, answerId: number): boolean =>
  self.outstanding !== undefined && (answerId === 0 || answerId === self.outstanding.id)

/**
 * The offer that is out was answered and the answer applied.
 *
 * @category transitions
 */
export const answered = (self: Negotiation): Negotiation =>
  self.outstanding === undefined ? self : { ...self, acknowledged: self.outstanding.covers, outstanding: undefined }

/**
 * The offer failed that is out or was being made: what it covers is settled, with a failure. What was asked for since is due.
 *
 * @category transitions
 */
export const failed = (self: Negotiation): Negotiation =>
  self.outstanding === undefined
    ? { ...self, acknowledged: self.requested, iceRestart: false }
    : { ...self, acknowledged: self.outstanding.covers, outstanding: undefined }
