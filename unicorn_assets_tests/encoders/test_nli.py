"""The cross-encoder of natural language inference, on a small random model, and what it makes of dialogs."""

import json
import subprocess
import sys

import pytest

from unicorn_assets.curation.dialogs import judge
from unicorn_assets.encoders.nli import NliJudge, chosen
from unicorn_assets.errors import EncoderError
from unicorn_assets.judging import DialogRules
from unicorn_assets.synthesis.answers import Turn
from unicorn_assets_tests.conftest import materialize

LABELS = {0: "entailment", 1: "contradiction", 2: "neutral"}


def tiny_nli(folder, labels=LABELS, leaning=None, seed=0):
    """Writes a random BERT with these labels; `leaning` is a label that it always finds."""
    import torch
    import transformers
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    transformers.utils.logging.disable_progress_bar()
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "abcdeinorst"),
    ]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(seed)
    model = BertForSequenceClassification(
        BertConfig(vocab_size=len(words), max_position_embeddings=256, id2label=labels, num_labels=len(labels), **sizes)
    )
    if leaning is not None:
        model.classifier.bias.data[leaning] += 50
    model.save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(words)}
    BertTokenizer(vocab=vocabulary, model_max_length=256).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    return tiny_nli(tmp_path_factory.mktemp("nli"))


def test_probabilities_are_those_of_plain_transformers(nli):
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    claims = ["what is red? a kite", "how many dogs are there? three", "where?"]
    model = NliJudge(str(nli))
    found = model.contradicted("two dogs and a red kite", claims)
    prepared = AutoTokenizer.from_pretrained(nli)(
        ["two dogs and a red kite"] * 3, claims, return_tensors="pt", padding=True
    )
    with torch.no_grad():
        logits = BertForSequenceClassification.from_pretrained(nli)(**prepared).logits
    assert found == pytest.approx(logits.softmax(1)[:, 1].tolist(), abs=1e-5)
    assert model.contradicted("two dogs", []) == []
    model.close()
    assert model.contradicted("two dogs and a red kite", claims) == found


def test_identity_loads_nothing_and_follows_the_files(nli, tmp_path):
    code = (
        "import json, sys; from unicorn_assets.encoders.nli import NliJudge; "
        f"print(json.dumps(NliJudge({str(nli)!r}, 'v1').identity())); "
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules); assert not heavy, heavy"
    )
    shown = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert shown == NliJudge(str(nli), "v1").identity()
    assert shown["files"] != NliJudge(str(tiny_nli(tmp_path, seed=1))).identity()["files"]


def test_models_that_cannot_judge_are_refused_with_the_cure(tmp_path):
    with pytest.raises(EncoderError, match=r"no config\.json") as caught:
        NliJudge(str(tmp_path)).identity()
    assert "nli_model" in caught.value.cure
    other = tiny_nli(tmp_path / "other", labels={0: "good", 1: "bad"})
    with pytest.raises(EncoderError, match=r"no label `contradiction`, only good, bad\."):
        NliJudge(str(other)).contradicted("a", ["b"])
    broken = tiny_nli(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        NliJudge(str(broken)).contradicted("a", ["b"])


def test_the_recipe_chooses_it_and_by_default_none():
    assert chosen(DialogRules()) is None
    assert chosen(DialogRules(nli_model="name", nli_revision="r")).revision == "r"


class Refuting:
    """Finds every claim with this word contradicted, and keeps what it was asked."""

    def __init__(self, word):
        self.word, self.asked = word, []

    def contradicted(self, premise, claims):
        self.asked.append((premise, list(claims)))
        return [0.95 if self.word in claim else 0.1 for claim in claims]


def test_what_it_refutes_leaves_the_dialog_and_it_is_asked_of_what_the_rules_leave():
    caption = "Two dogs run along a beach, and a red kite flies."
    turns = [Turn("What flies?", "A kite."), Turn("What sound is heard?", "Wind."), Turn("Who runs?", "Two dogs.")]
    model = Refuting("kite")
    found = judge("question_answering", turns, caption, DialogRules(min_turns_kept=0.3), model)
    assert model.asked == [(caption, ["What flies? A kite.", "Who runs? Two dogs."])]
    assert found.kept == (2,)
    assert [(fault.place, fault.reason.code) for fault in found.faults] == [(0, "answer_refuted"), (1, "unanswerable")]
    lenient = DialogRules(min_turns_kept=0.3, max_contradicted=0.96)
    assert judge("question_answering", turns, caption, lenient, Refuting("kite")).kept == (0, 2)
    reasoning = Refuting("kite")
    judge("complex_reasoning", turns, caption, DialogRules(), reasoning)
    assert reasoning.asked == []


def test_a_shard_is_judged_by_the_recipes_model_and_its_files_are_in_the_fingerprint(home, recipe, tmp_path):
    plain = materialize(home, recipe)["instruction_dialogs", "shard-0000"].sidecar
    assert "inference" not in plain.fields
    model = tiny_nli(tmp_path / "always", leaning=1)
    rules = DialogRules(nli_model=str(model), min_turns_kept=0.0)
    refuting = recipe.model_copy(update={"dialogs": recipe.dialogs.model_copy(update={"rules": rules})})
    home.adopt(refuting, change=True)
    found = materialize(home, refuting)["instruction_dialogs", "shard-0000"].sidecar
    assert found.fields["inference"]["files"] == NliJudge(str(model)).identity()["files"]
    assert found.metrics["tasks"].keys() <= {"complex_reasoning"}
    assert found.rejected == {"answer_refuted": plain.rows_out - found.rows_out}
    assert found.metrics["answers_reused"] == plain.rows_in - sum(plain.not_selected.values())
