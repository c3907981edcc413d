"""The recipe's sections on who answers prompts, and how answers are drawn."""

from typing import Literal, Self

from pydantic import Field, model_validator

from unicorn_assets.section import Count, Section


class Engine(Section):
    """Who answers prompts: who writes captions and dialogs, or who probes them."""

    kind: Literal["rules", "openai", "vllm"] = Field(
        default="rules", description="`rules`: no model; `openai`: a server with OpenAI's API; `vllm`: our own server."
    )
    model: str = Field(default="rules", description="The model's name at the server, or its path for `vllm`.")
    revision: str = Field(default="", description="The model's revision; a part of what decides the captions.")

    @model_validator(mode="after")
    def _model_fits_the_kind(self) -> Self:
        if (self.kind == "rules") != (self.model == "rules"):
            raise ValueError(f"the engine {self.kind!r} cannot have the model {self.model!r}; name its model")
        if not self.model.strip():
            raise ValueError("the model has no name; a name decides which answers may be used again")
        return self


class Sampling(Section):
    """How the engine draws its answers in one stage."""

    temperature: float = Field(default=0.7, ge=0)
    top_p: float = Field(default=0.9, gt=0, le=1)
    max_tokens: Count = 512
