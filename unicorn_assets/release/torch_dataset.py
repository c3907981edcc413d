"""A torch Dataset over a release: any row at once, memory-mapped, and a collator for its conversations.

Nothing else here imports this module, since it imports torch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from unicorn_assets.release.rows import ReleaseRows
from unicorn_assets.release.splits import Split

IGNORED = -100
"""Label of a token that the loss leaves out, as torch's cross entropy has it."""


class Sample(TypedDict):
    """A row: LLaVA's record and the vector that stands in for its image, (dimension,)."""

    id: str
    caption: str
    conversations: list[dict[str, str]]
    image_embedding: Tensor


class ReleaseDataset(Dataset[Sample]):
    """One table of a release, on one side of the split.

    What a worker of a DataLoader is sent is the names of the files; it maps them, so all share the pages.

    Args:
        folder: the release.
        table: `pretrain` or `instruction`.
        split: `train` or `validation`.
        dtype: type of the vectors; by default float16, as they are stored.

    Raises:
        LakeError: there is no such release, table or side, or its files are not those of its manifest.
    """

    def __init__(
        self,
        folder: str | Path,
        table: str = "pretrain",
        split: Split = "train",
        dtype: torch.dtype = torch.float16,
    ) -> None:
        self.rows = ReleaseRows(folder, table, split)
        self.dtype = dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Sample:
        """The sample in a row; negative rows count from the end.

        Raises:
            IndexError: there is no such row.
        """
        # A copy, since torch has no tensor that must not be written to.
        return _sample(self.rows.record(row), torch.from_numpy(self.rows.vector(row).copy()).to(self.dtype))

    def __getitems__(self, rows: Sequence[int]) -> list[Sample]:
        """The samples in these rows; the batches of a DataLoader are fetched by it. Their vectors lie in one tensor.

        Raises:
            IndexError: there is no such row.
        """
        vectors = torch.from_numpy(self.rows.vectors(rows)).to(self.dtype)
        return [_sample(self.rows.record(row), vector) for row, vector in zip(rows, vectors.unbind(), strict=True)]

    def find(self, sample: str) -> int:
        """The row of an id.

        Raises:
            KeyError: the table does not have it on this side of the split.
        """
        return self.rows.find(sample)


def _sample(record: dict[str, Any], vector: Tensor) -> Sample:
    return {
        "id": record["id"],
        "caption": record["caption"],
        "conversations": record["conversations"],
        "image_embedding": vector,
    }


class Collator:
    """Makes a batch of samples: `ids`, `conversations`, and `image_embedding`, (batch, dimension).

    With a tokenizer (of transformers, with a chat template) also `input_ids`, `attention_mask` and `labels`, each
    (batch, longest), padded on the right. Labels are the tokens of the answers, all else is IGNORED. `<image>` stays in
    the text as it is: how many tokens stand in its place is the model's matter.

    Args:
        tokenizer: turns messages (`role` user or assistant, `content`) into tokens; without one, texts stay texts.
        max_length: longer conversations are cut at this many tokens.

    Raises:
        ValueError: the tokenizer has no chat template or no padding token.
    """

    def __init__(self, tokenizer: Any = None, max_length: int | None = None) -> None:
        if tokenizer is not None and getattr(tokenizer, "chat_template", None) is None:
            raise ValueError("the tokenizer has no chat template; set tokenizer.chat_template")
        if tokenizer is not None and tokenizer.pad_token_id is None:
            raise ValueError("the tokenizer has no padding token; set tokenizer.pad_token")
        self.tokenizer = tokenizer
        self.max_length = max_length

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """The batch.

        Raises:
            ValueError: the chat template does not keep a conversation's beginning as it grows; names the sample.
        """
        batch: dict[str, Any] = {
            "ids": [sample["id"] for sample in samples],
            "conversations": [sample["conversations"] for sample in samples],
            "image_embedding": torch.stack([sample["image_embedding"] for sample in samples]),
        }
        if self.tokenizer is None:
            return batch
        pairs = [self._encode(sample) for sample in samples]
        tokens, labels = ([side[: self.max_length] for side in sides] for sides in zip(*pairs, strict=True))
        mask = [torch.ones(len(one), dtype=torch.long) for one in tokens]
        return batch | {
            "input_ids": _padded(tokens, self.tokenizer.pad_token_id),
            "attention_mask": _padded(mask, 0),
            "labels": _padded(labels, IGNORED),
        }

    def _encode(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Tokens and labels of one conversation."""
        spoken = messages(sample["conversations"])
        tokens = self._tokens(spoken, answer_follows=False)
        labels = [IGNORED] * len(tokens)
        for turn, message in enumerate(spoken):
            if message["role"] != "assistant":
                continue
            before = self._tokens(spoken[:turn], answer_follows=True)
            after = self._tokens(spoken[: turn + 1], answer_follows=False)
            if tokens[: len(before)] != before or tokens[: len(after)] != after:
                raise ValueError(
                    f"the chat template writes the beginning of sample {sample['id']} otherwise once more turns follow,"
                    " so its answers cannot be told from its questions; give another template"
                )
            labels[len(before) : len(after)] = tokens[len(before) : len(after)]
        return torch.tensor(tokens), torch.tensor(labels)

    def _tokens(self, spoken: list[dict[str, str]], *, answer_follows: bool) -> list[int]:
        found = self.tokenizer.apply_chat_template(
            spoken, tokenize=True, add_generation_prompt=answer_follows, return_dict=False
        )
        return list(found)


def messages(conversations: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """A LLaVA conversation as chat messages: `role` user or assistant, and `content`."""
    roles = {"human": "user", "gpt": "assistant"}
    return [{"role": roles[turn["from"]], "content": turn["value"]} for turn in conversations]


def _padded(parts: Sequence[Tensor], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True, padding_value=value)
