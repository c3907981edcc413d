"""What a release tells of how varied and how good its texts are, and what each figure means, for people."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from unicorn_assets.lake.sidecar import Part


class Quality(Part):
    """How the quality scores of captions are spread, 0 to 1 each, then the means of PARTS, which they are made of."""

    captions: int
    mean: float
    low: float
    median: float
    high: float
    seed_words: float
    repetition: float
    length_fit: float
    variety: float
    specificity: float


class Meters(Part):
    """Meters of all released shards together; what no shard has is empty.

    Args:
        captions_diversity: meters of the curated captions.
        questions_diversity: meters of the questions of dialogs.
        vendi_score: effective number of distinct text embeddings.
        topics: topics of the curated captions, where the sources name some.
        topic_entropy: how evenly the captions spread over them, in bits.
        question_entropy: how evenly the questions spread over their types, in bits.
        quality: the quality of the curated captions.
    """

    captions_diversity: dict[str, int | float] = Field(default_factory=dict)
    questions_diversity: dict[str, int | float] = Field(default_factory=dict)
    vendi_score: float | None = None
    topics: int | None = None
    topic_entropy: float | None = None
    question_entropy: float | None = None
    quality: Quality | None = None


MEANINGS: Mapping[str, str] = {
    "texts": "Texts that the next six are taken of: the first of each shard by id, a hash, so as good as drawn.",
    "distinct_1": "Share of distinct words in 10,000 words: the lower, the smaller the vocabulary.",
    "distinct_2": "The same of pairs of words: the lower, the more phrases come again.",
    "type_token_ratio": "Distinct words over all words of a shard; it falls with their number.",
    "opening_share": "Share of texts that begin with the commonest three words of their shard.",
    "compression": "Bytes over bytes compressed: about 2.5 for English prose, 10 and more for one template.",
    "self_bleu": "BLEU-4 of each text against others, 0 to 1: the higher, the more alike they are.",
    "vendi_score": "Effective number of distinct captions by their text embeddings (Vendi score).",
    "topics": "Topics that the seeds' sources name.",
    "topic_entropy": "How evenly captions spread over topics, in bits: n topics in equal parts have log2(n).",
    "question_entropy": "How evenly questions spread over their types, in bits.",
    "quality": "How good a caption is, 0 to 1: the mean; then what 5%, half and 95% of them do not exceed.",
}
"""What each figure says, in the order of the table."""

PARTS: Mapping[str, str] = {
    "seed_words": "Share of the seed's content words that the caption keeps, 0 to 1.",
    "repetition": "Share of the caption's word trigrams that occurred in it before, 0 to 1.",
    "length_fit": "1 where the caption's length is in its band, falling to 0 at its ends; a part of the quality.",
    "variety": "Moving-average type-token ratio of the caption, scaled to 0 to 1; a part of the quality.",
    "specificity": "Content words that the caption adds to its seed, scaled to 0 to 1; a part of the quality.",
}
"""What the quality of a caption is made of: columns of the curated captions."""

HEADER = ["figure", "captions", "questions", "what it means"]

WORDS = (
    "Of all candidates of the released shards: captions that curation kept, and the questions of their dialogs.\n"
    "What a good value is depends on the seeds; compare versions and recipes with each other."
)
NONE = "Nothing was metered."


def table(found: Meters) -> list[list[str]]:
    """A row of HEADER for each figure that there is."""
    return [row for row in _rows(found) if row[1] or row[2]]


def _rows(found: Meters) -> Iterator[list[str]]:
    single = {
        "vendi_score": (_number(found.vendi_score), ""),
        "topics": (_number(found.topics), ""),
        "topic_entropy": (_number(found.topic_entropy), ""),
        "question_entropy": ("", _number(found.question_entropy)),
        "quality": (_spread(found.quality), ""),
    }
    sides = (found.captions_diversity, found.questions_diversity)
    for name, meaning in MEANINGS.items():
        captions, questions = single.get(name) or tuple(_number(side.get(name)) for side in sides)
        yield [name.replace("_", " "), captions, questions, meaning]
    for name, meaning in PARTS.items():
        yield [name.replace("_", " "), _number(getattr(found.quality, name, None)), "", meaning]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spread(found: Quality | None) -> str:
    if found is None:
        return ""
    return f"{found.mean:.2f}; {found.low:.2f}, {found.median:.2f}, {found.high:.2f}"
