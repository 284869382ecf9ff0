/** Label of the channels that are opened only to see whether the far end answers. LiveKit servers take any label. */
export const probeLabel = "_probe"
