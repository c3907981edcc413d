"""The default encoder against plain sentence-transformers, and a small random one that is broken on purpose."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unicorn_assets import recipe
from unicorn_assets.encoders import forward, precision
from unicorn_assets.encoders.base import Encoder
from unicorn_assets.encoders.sentence import LEAST_COSINE, SentenceEncoder
from unicorn_assets.engines.base import Request, Sampling
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.errors import EncoderError
from unicorn_assets.identity import sample_id

WORDS = ["a", "cat", "sits", "on", "the", "red", "mat", "near", "two", "tall", "wooden", "chairs", "rain", "broken"]
COLOURS = ["red", "green", "yellow", "rusty"]
PLACES = ["harbour", "bakery", "railway station", "school", "market", "lake"]
CHECKOUT = Path(__file__).parents[2]


def texts(number, most=60, seed=0):
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, most))) for _ in range(number)]


@pytest.fixture(scope="module")
def default():
    encoder = SentenceEncoder(recipe.Encoder())
    yield encoder
    encoder.close()


@pytest.fixture(scope="module")
def half():
    encoder = SentenceEncoder(recipe.Encoder(dtype="bfloat16"))
    yield encoder
    encoder.close()


def captions(number):
    """What the `rules` engine makes of seeds with scenes in them."""
    seeds = [f"Two {colour} bicycles lean against a wall near a {place}." for colour in COLOURS for place in PLACES]
    asked = [
        Request(sample_id(seed), "expansion", (), {"seed": seed}, "test", None, Sampling(0, 1, 512, number))
        for number, seed in enumerate(seeds[:number])
    ]
    return [answer.text for _, answer in RulesEngine().generate(asked)]


@pytest.fixture
def tiny(tmp_path):
    """Makes a sentence-transformers folder of a small, random BERT without a Normalize module."""

    def make(spoil=lambda model, vocabulary: None, safe=True):
        import torch
        from transformers import BertConfig, BertModel, BertTokenizerFast

        folder = tmp_path / "tiny"
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        vocabulary = {word: number for number, word in enumerate([*special, *sorted(set(WORDS))])}
        torch.manual_seed(0)
        model = BertModel(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
                max_position_embeddings=32,
            )
        )
        with torch.no_grad():
            spoil(model, vocabulary)
        model.save_pretrained(folder)
        if not safe:
            (folder / "model.safetensors").unlink()
            torch.save(model.state_dict(), folder / "pytorch_model.bin")
        BertTokenizerFast(vocab=vocabulary, model_max_length=32).save_pretrained(folder)
        (folder / "1_Pooling").mkdir()
        pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        kinds = {"": "Transformer", "1_Pooling": "Pooling"}
        modules = [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(kinds.items())
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16}))
        return SentenceEncoder(recipe.Encoder(model=str(folder), batch_size=4))

    return make


def test_the_default_is_what_the_recipe_says(default):
    checked: Encoder = default
    assert (checked.name, checked.revision, checked.dimension, checked.max_tokens) == ("all-MiniLM-L6-v2", "", 384, 256)
    assert default.device in ("cpu", "cuda:0")


def test_vectors_are_those_of_plain_sentence_transformers(default):
    from sentence_transformers import SentenceTransformer

    from unicorn_assets.encoders.weights import locate

    sample = [*texts(40), *texts(3, most=600, seed=1)]
    vectors = default.encode(sample)
    plain = SentenceTransformer(str(locate(default.name)), device="cpu").encode(sample, show_progress_bar=False)
    assert vectors.dtype == np.float32
    assert vectors.shape == (43, 384)
    assert np.abs(vectors - plain).max() < 1e-5
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_known_meanings_lie_close(default):
    cat, kitten, car = default.encode(["A cat sleeps.", "A kitten is asleep.", "A car drives on the motorway."])
    assert cat @ kitten > 0.6 > 0.3 > cat @ car


def test_the_same_list_gives_the_same_bytes_and_order_gives_the_same_vectors(default):
    sample = texts(50)
    vectors = default.encode(sample)
    assert default.encode(sample).tobytes() == vectors.tobytes()
    assert np.abs(default.encode(sample[::-1])[::-1] - vectors).max() < 1e-5


def at_threads(encoder, sample, *counts):
    """The bytes of the vectors at each number of torch's threads."""
    import torch

    before, found = torch.get_num_threads(), []
    try:
        for count in counts:
            torch.set_num_threads(count)
            found.append(encoder.encode(sample).tobytes())
    finally:
        torch.set_num_threads(before)
    return found


def test_the_number_of_threads_does_not_change_the_bytes(default):
    one, two = at_threads(default, texts(20), 1, 2)
    assert one == two


def test_bfloat16_keeps_the_directions_of_real_captions(default, half):
    sample = captions(24)
    vectors, exact = half.encode(sample), default.encode(sample)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = (vectors * exact).sum(axis=1)
    assert cosines.mean() > 0.9998 > LEAST_COSINE
    assert cosines.min() > 0.9995
    assert vectors.tobytes() != exact.tobytes()


def test_bfloat16_gives_the_same_bytes_again_whatever_the_threads(half):
    one, two = at_threads(half, texts(20), 1, 2)
    half.close()
    assert one == two == half.encode(texts(20)).tobytes()


def test_the_type_of_number_is_part_of_the_identity(monkeypatch):
    plain, fast = (SentenceEncoder(recipe.Encoder(dtype=dtype)).identity() for dtype in ("float32", "bfloat16"))
    assert SentenceEncoder(recipe.Encoder()).identity() == plain
    assert {key for key in plain if plain[key] != fast[key]} == {"dtype"}
    for found in ("float32", "bfloat16"):
        monkeypatch.setattr(precision, "native", lambda found=found: found)
        assert SentenceEncoder(recipe.Encoder(dtype="auto")).identity()["dtype"] == found


def test_a_model_that_bfloat16_does_not_carry_is_refused(tiny):
    def spoil(model, vocabulary):
        model.embeddings.word_embeddings.weight += 4  # the same in all dimensions: LayerNorm takes it out again

    exact = tiny(spoil)
    exact.encode(["a cat"])
    with pytest.raises(EncoderError, match=r"loses too much in bfloat16: .* captions have a mean cosine of") as caught:
        SentenceEncoder(recipe.Encoder(model=exact.name, dtype="bfloat16")).encode(["a cat"])
    assert 'dtype = "float32"' in caught.value.cure


def test_texts_are_counted_once_for_counting_and_encoding(tiny, monkeypatch):
    encoder, asked = tiny(), []
    kind = type(encoder._model.tokenizer)
    call = kind.__call__

    def counting(self, texts, **options):
        if not options["truncation"]:
            asked.append(len(texts))
        return call(self, texts, **options)

    monkeypatch.setattr(kind, "__call__", counting)
    sample = texts(9)
    counts = encoder.token_counts(tuple(sample))
    encoder.encode(sample)
    assert encoder.token_counts(sample) == counts
    assert encoder.token_counts(sample[:2]) == counts[:2]
    assert encoder.token_counts([]) == []
    assert asked == [9, 2]


@pytest.mark.parametrize("threads", [1, 2, 19])
def test_batches_at_once_give_what_the_model_gives_one_by_one(tiny, threads):
    import torch

    encoder, before = tiny(), torch.get_num_threads()
    model, batches = encoder._model, [texts(3, seed=seed) for seed in range(30)]
    single = [model.encode(batch, show_progress_bar=False) for batch in batches]
    try:
        torch.set_num_threads(threads)
        at_once = list(forward.vectors(model, batches, ""))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert [one.tobytes() for one in at_once] == [one.tobytes() for one in single]
    assert list(forward.vectors(model, [], "")) == []


def test_a_batch_that_fails_ends_the_encoding_and_threads_are_as_before(tiny, monkeypatch):
    import torch

    encoder, threads = tiny(), torch.get_num_threads()
    monkeypatch.setattr(encoder._model[1], "forward", lambda features: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        encoder.encode(texts(20))
    assert torch.get_num_threads() == threads


def test_tokens_are_counted_before_the_cut_and_with_special_ones(default):
    assert default.token_counts(["", "cat", "cat " * 1000]) == [2, 3, 1002]
    assert default.token_counts([]) == []


def test_what_is_beyond_the_limit_is_cut(default):
    long = "cat " * 254
    within, beyond, before = default.encode([long, long + "dog", "dog " + long])
    assert np.abs(within - beyond).max() < 1e-6
    assert np.abs(within - before).max() > 1e-3


def test_no_texts_give_no_rows_and_an_empty_text_a_row(default):
    assert default.encode([]).shape == (0, 384)
    assert np.linalg.norm(default.encode([""])) == pytest.approx(1, abs=1e-6)


def test_identity_is_json_says_what_decides_and_loads_nothing():
    code = (
        "import json, sys; from unicorn_assets import recipe; "
        "from unicorn_assets.encoders.sentence import SentenceEncoder; "
        "print(json.dumps(SentenceEncoder(recipe.Encoder()).identity())); "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    identity = json.loads(shown.stdout)
    assert list(identity) == [
        "model", "revision", "files", "batch_size", "dtype", "torch", "transformers", "sentence-transformers"
    ]  # fmt: skip
    assert identity["torch"].count(".") == 1
    other = SentenceEncoder(recipe.Encoder(batch_size=8)).identity()
    assert {key for key in identity if identity[key] != other[key]} == {"batch_size"}


def test_nothing_is_written_to_the_terminal(capfd):
    encoder = SentenceEncoder(recipe.Encoder())
    encoder.token_counts(["cat " * 1000])
    encoder.encode(["cat " * 1000])
    assert capfd.readouterr() == ("", "")


def test_telemetry_is_off_and_progress_bars_come_back():
    from transformers.utils import logging

    logging.enable_progress_bar()
    SentenceEncoder(recipe.Encoder()).encode(["a cat"])
    assert logging.is_progress_bar_enabled()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_a_closed_encoder_frees_its_model_and_loads_it_again():
    encoder = SentenceEncoder(recipe.Encoder())
    encoder.close()
    before = encoder.encode(["a cat"])
    encoder.close()
    encoder.close()
    assert not any("model" in name for name in vars(encoder))
    assert encoder.encode(["a cat"]).tobytes() == before.tobytes()


def test_any_other_model_is_taken_from_its_folder_and_normalised(tiny):
    encoder = tiny()
    assert (encoder.dimension, encoder.max_tokens) == (8, 16)
    vectors = encoder.encode(texts(9, most=30))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.identity()["model"] == encoder.name
    assert encoder.identity()["files"] != SentenceEncoder(recipe.Encoder()).identity()["files"]


def test_a_vector_that_is_not_finite_is_named_by_position(tiny):
    def spoil(model, vocabulary):
        model.embeddings.word_embeddings.weight[vocabulary["broken"]] = float("nan")

    with pytest.raises(EncoderError, match="not finite for the text at position 2") as caught:
        tiny(spoil).encode(["a cat", "the mat", "a broken cat", "rain", "broken"])
    assert "look at that text" in caught.value.cure


def test_a_zero_vector_is_named_by_position(tiny):
    def spoil(model, vocabulary):
        last = model.encoder.layer[-1].output.LayerNorm
        last.weight[:] = 0
        last.bias[:] = 0

    with pytest.raises(EncoderError, match="zero for the text at position 0"):
        tiny(spoil).encode(["a cat"])


def test_pickled_weights_are_not_read(tiny):
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        tiny(safe=False).encode(["a cat"])
    assert ".safetensors" in caught.value.cure


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("model.safetensors", b"nonsense"),
        ("config.json", b"{"),
        ("modules.json", b"[]"),
        ("tokenizer.json", b"{}"),
        ("1_Pooling/config.json", b'{"word_embedding_dimension": "x"}'),
        ("1_Pooling/config.json", b'{"word_embedding_dimension": 9}'),
    ],
)
def test_a_damaged_folder_is_named(tiny, part, content):
    encoder = tiny()
    (Path(encoder.name) / part).write_bytes(content)
    with pytest.raises(EncoderError, match=r"tiny"):
        encoder.encode(["a cat"])


def test_a_prompt_of_the_models_own_counts_as_tokens(tiny):
    encoder = tiny()
    settings = {"prompts": {"passage": "the red mat "}, "default_prompt_name": "passage"}
    plain = encoder.encode(["a cat"])
    encoder.close()
    (Path(encoder.name) / "config_sentence_transformers.json").write_text(json.dumps(settings))
    assert encoder.token_counts(["a cat"]) == [7]
    assert not np.allclose(encoder.encode(["a cat"]), plain, atol=1e-4)
