"""What each figure of a gap report means, for people who read it in the web UI or on a release's card."""

HEAD = """\
No single figure says that a transfer is good. The centroid distance least of all: it is near zero after every shift, \
whatever became of the texts. Look for texts that kept their neighbours and mix with images. A figure with ± comes \
from a sample of the rows, with its standard error; every other is exact."""

PRESERVATION = "What the transfer keeps of the texts, 1 where nothing is lost:"

_SETS = "The texts before → after the transfer"
SETS = {
    2: f"{_SETS}:",
    3: f"{_SETS} → the images:",
    4: f"{_SETS} → the images → these as they are to be used:",
}
"""By the number of sets."""

BETWEEN = """\
Texts against images, before → after the transfer; after it, against images as they are to be used:"""

PAIRS = "Each text against its own image, before → after the transfer:"

NO_IMAGES = """\
No images were given, so nothing here says how near the texts came to them; that is known only against image \
embeddings."""

MEANINGS = {
    "phi": "mean cosine of a text's vector with itself after the transfer; a shift that is needed lowers it, too.",
    "psi": "correlation of the cosines between any two texts before and after: does the map of texts keep its shape?",
    "omega": "share of each text's nearest neighbours that still are its nearest; low, meanings were mixed up.",
    "rows": "vectors that were measured.",
    "centroid_norm": "length of the mean vector; near 1, all vectors lie in a narrow cone.",
    "trace": "total variance, the mean squared distance to the centroid.",
    "mean_cosine": "mean cosine between two vectors of the set; what all share counts in it.",
    "anisotropy_ratio": "how many times the longest axis has the variance of the mean axis; 1 for a ball.",
    "effective_dimension": "number of axes that carry the variance (participation ratio); long axes weigh more.",
    "effective_rank": "the same by entropy; short axes count, too.",
    "exponent": "how fast the spectrum falls, as a power of the rank; texts should come near the images' exponent.",
    "centroid_distance": "distance of the two means. Near zero for every shift, so a poor target by itself.",
    "centroid_chance": "what the distance of the means would be for two samples of one distribution.",
    "trace_ratio": "variance of the texts over that of the images; 1 is the aim.",
    "frechet": "distance of the two clouds by mean and covariance, squared. Compare it only at equal numbers of rows.",
    "shrinkage": "weight of a ball in the covariance of texts/images for it; above 0 where rows are too few.",
    "covariance_difference": "distance of the two covariances, entry by entry; it sees orientation and size.",
    "cross_cosine": "mean cosine between a text and an image, of all pairs.",
    "relative_gap": "distance between the sets over that and the one within; 0.5 for one cloud, less for fit pairs.",
    "spectrum_correlation": "correlation of the two spectra's logarithms; it sees lengths of axes, not directions.",
    "subspace_overlap": "how far the main axes of texts and images span the same space; 1 is the same.",
    "overlap_axes": "number of main axes compared.",
    "overlap_by_chance": "the overlap of random subspaces of that size.",
    "mixing_rows": "vectors of each set among which neighbours were sought; compare rates only at equal numbers.",
    "mixing_rate": "share of the other set among nearest neighbours; 0 apart, 0.5 one cloud.",
    "mixing_texts": "how mixed the neighbours of a text are, over what chance would give; 1 is one cloud.",
    "mixing_images": "the same for the neighbours of an image.",
    "cosine_divergence": "how the cosines within the texts differ from those within the images, in bits; 0 alike.",
    "paired_distance": "mean distance of a text and its image.",
    "paired_cosine": "mean cosine of a text and its image.",
    "energy_ratio": "share of the squared distance of pairs that one shift for all can take away.",
    "gap_cosine": "how well the differences of pairs agree in direction with their mean.",
    "residual_energy": "mean squared distance of pairs that no shift can take away.",
    "residual_anisotropy": "the anisotropy ratio of what a shift leaves; 1 would be plain noise.",
    "residual_dimension": "share of the dimensions over which it is spread.",
    "residual_first": "share of it along its longest axis.",
    "residual_ten": "share of it along its ten longest axes.",
}
"""By the name of the figure's field."""
