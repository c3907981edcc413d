"""The recipe's sections on what is good enough: limits of captions, of dialogs, and of a shard's diversity."""

from typing import Literal

from pydantic import Field

from unicorn_assets.section import Count, Section


class Curation(Section):
    """What an expanded caption must satisfy to be kept (figures of length from the paper's own captions)."""

    min_words: Count = 40
    max_words: Count = 483
    max_repetition: float = Field(default=0.2, ge=0, le=1, description="Most share of repeated word trigrams.")
    min_seed_words: float = Field(default=0.8, ge=0, le=1, description="Least share of the seed's content words kept.")
    contradictions: bool = Field(
        default=True, description="Whether a caption that contradicts its seed's counts, colours or places is rejected."
    )
    min_quality: float = Field(
        default=0.0, ge=0, le=1, description="Least quality score (see docs/curation.md); 0 lets nothing fall out."
    )


class DialogRules(Section):
    """What the turns of a dialog must satisfy. A turn that breaks a rule leaves its dialog."""

    leaks: bool = Field(default=True, description="Whether a question that gives its own answer away is dropped.")
    repeats: bool = Field(default=True, description="Whether a question asked before in other words is dropped.")
    unanswerable: bool = Field(
        default=True, description="Whether a question is dropped that no image could answer: sounds, names, dates, …"
    )
    copied_words: Count = Field(
        default=12, description="An answer of at least so many words that stands in its caption as it is is dropped."
    )
    contradictions: bool = Field(default=True, description="Whether an answer that contradicts its caption is dropped.")
    min_support: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Least share of an answer's own content words that its caption has; not asked of inferences.",
    )
    nli_model: str = Field(
        default="",
        description="A cross-encoder for natural language inference, by name or path; an answer that it finds "
        "contradicted by the caption is dropped. None by default.",
    )
    nli_revision: str = ""
    max_contradicted: float = Field(
        default=0.9, ge=0, le=1, description="Most probability of a contradiction that the cross-encoder may find."
    )
    min_turns_kept: float = Field(
        default=0.5, ge=0, le=1, description="Least share of its turns that a dialog keeps; else it is set aside whole."
    )


class Bounds(Section):
    """What a shard's texts should be like; figures of the first 2,000 of them (see docs/curation.md)."""

    min_distinct_2: float = Field(default=0.2, ge=0, le=1, description="Least share of distinct word pairs.")
    max_opening_share: float = Field(default=0.2, ge=0, le=1, description="Most share of texts that begin alike.")
    max_compression: float = Field(default=5.0, ge=1, description="Most bytes over bytes compressed by zlib.")
    max_self_bleu: float = Field(default=0.8, ge=0, le=1, description="Most self-BLEU of 100 texts.")


class Diversity(Section):
    """Bounds of the meters of diversity. They are read when a shard is made; changing them makes nothing anew."""

    captions: Bounds = Bounds()
    questions: Bounds = Bounds(min_distinct_2=0.05, max_opening_share=0.5, max_compression=10.0, max_self_bleu=0.95)
    min_vendi: float = Field(default=1.0, ge=1, description="Least Vendi score of the first 2,048 text embeddings.")
    max_z: float = Field(default=8.0, gt=0, description="Most robust z of a meter among those of other shards.")
    on_fail: Literal["warn", "block"] = Field(
        default="warn", description="Whether a shard out of bounds is used with a warning or stops the stages below."
    )
