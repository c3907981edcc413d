"""The proof in miniature: does data made from text alone teach a model to see? A world small enough for two cores."""
