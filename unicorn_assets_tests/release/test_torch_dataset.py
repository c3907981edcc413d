"""The torch Dataset: rows, workers of both kinds, and the collator with and without a tokenizer."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast

from unicorn_assets.release.splits import split_of
from unicorn_assets.release.torch_dataset import IGNORED, Collator, ReleaseDataset, messages
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, vector

Made = tuple[SmallLake, Path]
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} end {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


def names(small: SmallLake, table: str = "pretrain", split: str = "train") -> list[str]:
    samples = small.released if table == "pretrain" else small.asked
    return [one for shard in small.shards for one in small.of(shard, samples) if split_of(one, 0.3) == split]


def tokenizer(template: str = TEMPLATE) -> Any:
    """Every word is a token."""
    vocabulary: dict[str, int] = {"<pad>": 0, "<unk>": 1}
    texts = ["user assistant : end What is it , ? 0 1 2 red green blue <image> A long answer . Yes No"]
    for word in " ".join(texts).split():
        vocabulary.setdefault(word, len(vocabulary))
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    found = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", unk_token="<unk>")
    found.chat_template = template
    return found


def words(text: str) -> list[str]:
    return text.split()


def sample(*turns: str) -> Any:
    said = [{"from": ("human", "gpt")[turn % 2], "value": text} for turn, text in enumerate(turns)]
    return {"id": "a", "caption": "", "conversations": said, "image_embedding": torch.ones(4)}


@pytest.mark.parametrize(("table", "split"), [("pretrain", "train"), ("instruction", "validation")])
def test_a_sample_is_its_row(everything: Made, table: str, split: Any) -> None:
    small, folder = everything
    found = ReleaseDataset(folder, table, split)
    assert len(found) == len(names(small, table, split))
    for row, name in enumerate(names(small, table, split)):
        expected = small.row(table, name)
        got = found[row]
        assert (got["id"], got["caption"], got["conversations"]) == (
            name,
            expected["caption"],
            expected["conversations"],
        )
        assert got["image_embedding"].dtype == torch.float16
        assert torch.equal(got["image_embedding"], torch.from_numpy(vector(name)))
        assert found.find(name) == row
    assert found[-1]["id"] == names(small, table, split)[-1]
    with pytest.raises(IndexError):
        found[len(found)]


def test_vectors_come_in_the_type_that_is_asked_for(everything: Made) -> None:
    found = ReleaseDataset(everything[1], dtype=torch.float32)[0]["image_embedding"]
    assert found.dtype == torch.float32
    assert torch.equal(found.half(), ReleaseDataset(everything[1])[0]["image_embedding"])


def test_what_is_done_to_a_sample_stays_with_it(everything: Made) -> None:
    found = ReleaseDataset(everything[1])
    found[0]["image_embedding"].zero_()
    found[0]["conversations"].clear()
    assert found[0]["image_embedding"].any()
    assert found[0]["conversations"]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_give_the_same_batches(everything: Made, start: str) -> None:
    small, folder = everything
    loader = DataLoader(
        ReleaseDataset(folder),
        batch_size=5,
        collate_fn=Collator(),
        num_workers=2,
        multiprocessing_context=start,
    )
    batches = list(loader)
    assert [one for batch in batches for one in batch["ids"]] == names(small)
    stacked = torch.cat([batch["image_embedding"] for batch in batches])
    assert torch.equal(stacked, torch.stack([torch.from_numpy(vector(name)) for name in names(small)]))
    assert stacked.shape == (len(names(small)), DIMENSION)


def test_little_is_sent_to_a_worker(everything: Made) -> None:
    found = ReleaseDataset(everything[1])
    found[0]
    assert len(pickle.dumps(found)) < 1000


def test_a_batch_without_a_tokenizer_keeps_its_texts(everything: Made) -> None:
    small, folder = everything
    batch = Collator()(ReleaseDataset(folder, "instruction").__getitems__([0, 1]))
    assert sorted(batch) == ["conversations", "ids", "image_embedding"]
    assert batch["ids"] == names(small, "instruction")[:2]
    assert batch["conversations"] == [small.row("instruction", one)["conversations"] for one in batch["ids"]]
    assert batch["image_embedding"].shape == (2, DIMENSION)


def test_tokens_are_padded_on_the_right_and_only_answers_are_learnt() -> None:
    chosen = tokenizer()
    batch = Collator(chosen)(
        [sample("<image> What is it ?", "A long red answer ."), sample("<image> 0 ?", "Yes", "1 ?", "No")]
    )
    first = words("user : <image> What is it ? end assistant : A long red answer . end")
    second = words("user : <image> 0 ? end assistant : Yes end user : 1 ? end assistant : No end")
    longest = max(len(first), len(second))
    for row, spoken in enumerate((first, second)):
        assert batch["input_ids"][row].tolist() == chosen.convert_tokens_to_ids(spoken) + [0] * (longest - len(spoken))
        assert batch["attention_mask"][row].tolist() == [1] * len(spoken) + [0] * (longest - len(spoken))
        learnt = [token for token in batch["labels"][row].tolist() if token != IGNORED]
        answers = words(("A long red answer . end", "Yes end No end")[row])
        assert chosen.convert_ids_to_tokens(learnt) == answers
    assert batch["labels"].shape == batch["input_ids"].shape == (2, longest)
    same = batch["labels"] != IGNORED
    assert torch.equal(batch["labels"][same], batch["input_ids"][same])


def test_a_long_conversation_is_cut() -> None:
    batch = Collator(tokenizer(), max_length=5)([sample("<image> What ?", "Yes"), sample("?", "No")])
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape == (2, 5)


def test_real_samples_become_tokens(everything: Made) -> None:
    loader = DataLoader(ReleaseDataset(everything[1], "instruction"), batch_size=4, collate_fn=Collator(tokenizer()))
    for batch in loader:
        assert (batch["labels"] != IGNORED).any(dim=1).all()
        assert batch["attention_mask"].sum() == (batch["input_ids"] != 0).sum()


def test_a_tokenizer_without_template_or_padding_is_refused() -> None:
    bare = tokenizer()
    bare.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        Collator(bare)
    endless = tokenizer()
    endless.pad_token = None
    with pytest.raises(ValueError, match="no padding token"):
        Collator(endless)


def test_a_template_that_rewrites_what_went_before_is_refused() -> None:
    rewriting = "{% for m in messages %}{{ messages | length }} {{ m['content'] }} {% endfor %}"
    with pytest.raises(ValueError, match="sample a otherwise once more turns follow"):
        Collator(tokenizer(rewriting))([sample("?", "Yes", "?", "No")])


def test_a_conversation_as_messages() -> None:
    assert messages(sample("?", "Yes")["conversations"]) == [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "Yes"},
    ]


def test_rows_are_read_without_torch(everything: Made) -> None:
    code = (
        "import sys; from unicorn_assets.release.rows import ReleaseRows; import unicorn_assets.release.verify;"
        f"ReleaseRows({str(everything[1])!r}).record(0); print('torch' in sys.modules, 'dagster' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
