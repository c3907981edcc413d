import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id, shard_names
from unicorn_assets.lake import signature_files
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.recipe import dump, parse
from unicorn_assets.release.build import Coverage
from unicorn_assets.stages import compared, corpus, nearness
from unicorn_assets.stages.deduplication import decide
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES, near_duplicates
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.twins import PAIRS
from unicorn_assets_tests.curation.duplicates.planted import changed, fresh, vocabulary
from unicorn_assets_tests.lake.making import ended, killed_at, recipe, sidecar

STAGE = NEAR_DUPLICATES.name
TEXT = [("id", pa.string()), ("caption", pa.string())]
TURNS = pa.list_(pa.struct([("question", pa.string()), ("answer", pa.string()), ("options", pa.list_(pa.string()))]))


class Corpus:
    """A home with datasets of some shards and nothing above them: {shard: {id: caption}}, {shard: {id: questions}}."""

    def __init__(self, path, shards=3, **chosen):
        self.home, self.shards = Home(path), shard_names(shards)
        self.tools = Tools(self.home, recipe(shards=shards, duplicates=chosen))
        self.captions = {shard: {} for shard in self.shards}
        self.questions = {shard: {} for shard in self.shards}
        self.quality = {}
        self.vectors = {}
        self.present = list(self.shards)

    def put(self):
        """Writes all shards as they are now."""
        for shard in self.shards:
            captions = sorted(self.captions[shard].items())
            graded = [*TEXT, ("quality", pa.float32())] if self.quality else TEXT
            grades = [{"quality": self.quality.get(sample, 0.0)} if self.quality else {} for sample, _ in captions]
            rows = [{"id": sample, "caption": caption} for sample, caption in captions]
            self._shard(
                "curated_captions", shard, graded, [{**row, **more} for row, more in zip(rows, grades, strict=True)]
            )
            self._shard("pretrain_dataset", shard, TEXT, rows)
            if self.vectors:
                known = [sample for sample in sorted(self.captions[shard]) if sample in self.vectors]
                self._shard("text_embeddings", shard, [("id", pa.string())], [{"id": sample} for sample in known])
            asked = sorted(self.questions[shard].items())
            turns = [
                {"id": sample, "turns": [{"question": text, "answer": "yes", "options": []} for text in texts]}
                for sample, texts in asked
            ]
            self._shard("instruction_dialogs", shard, [("id", pa.string()), ("turns", TURNS)], turns)
            self._shard("instruction_dataset", shard, [("id", pa.string())], [{"id": sample} for sample, _ in asked])
        return self

    def _shard(self, stage, shard, columns, rows):
        with Drafts(self.home.lake, stage, shard) as drafts:
            out = ShardWriter(drafts, pa.schema(columns), "ab" * 16)
            vectors = out.open_vectors(16) if stage == "text_embeddings" else None
            for row in rows:
                out.row(**row)
                if vectors is not None:
                    vectors.write([row["id"]], np.array([self.vectors[row["id"]]]))
            out.finish()
            drafts.publish(sidecar(drafts, stage, shard, rows_in=len(rows), rows_out=len(rows)))

    def coverage(self, tools):
        lake = self.home.lake
        stages = ["pretrain_dataset", "instruction_dialogs", "instruction_dataset", "curated_captions"]
        stages += ["text_embeddings"] if self.vectors else []
        fresh = {
            shard: [one.sha256 for stage in stages for one in lake.need(stage, shard).files.values()]
            for shard in self.present
        }
        return Coverage(fresh=len(fresh), expected=len(self.shards)), fresh

    def make(self, **options):
        return make(NEAR_DUPLICATES, self.tools, ALL, graph=graph(self.tools.recipe), run_id="test", **options)

    def rows(self):
        return pq.read_table(self.home.lake.rows(STAGE, ALL)).drop(["fingerprint"]).to_pylist()

    def files(self):
        """Rows without their fingerprint, which depends on the shards; pairs and texts as bytes."""
        lake = self.home.lake
        return self.rows(), lake.pairs(STAGE, ALL).read_bytes(), lake.texts(STAGE, ALL).read_bytes()

    def lost(self):
        return {(row["id"], row["turn"]): row["twin"] for row in self.rows()}


@pytest.fixture
def corpus_at(tmp_path, monkeypatch):
    """Makes a corpus below the folder of the test; the stages go by its shards."""
    made = []

    def at(name="home", **options):
        made.append(Corpus(tmp_path / name, **options))
        monkeypatch.setattr(corpus, "coverage", lambda tools: next(
            one for one in made if one.home.path == tools.home.path).coverage(tools)
        )  # fmt: skip
        return made[-1]

    return at


def filled(one, seed=1, texts=60):
    """Captions and questions with twins over all shards; returns it."""
    rng = random.Random(seed)
    known = vocabulary(rng)
    said = [fresh(rng, known) for _ in range(texts)]
    said += [changed(rng, known, words, 1) for words in said[:15]]
    said += [words[3:33] for words in said[15:25]]
    said += said[25:30]
    for number, words in enumerate(said):
        sample = sample_id(f"seed {number}")
        shard = one.shards[number % len(one.shards)]
        one.captions[shard][sample] = " ".join(words)
        one.questions[shard][sample] = [f"What is the {words[0]} doing here?", f"Is there a {known[number % 40]}?"]
    return one


def test_losers_and_pairs_are_kept(corpus_at):
    one = filled(corpus_at()).put()
    sidecar_made = one.make().sidecar
    captions = [row for row in one.rows() if row["kind"] == "caption"]
    assert len(captions) == 30
    assert {row["how"] for row in captions} == {"lexical", "contained"}
    assert all(row["turn"] == row["twin_turn"] == -1 for row in captions)
    figures = sidecar_made.metrics["texts"]["caption"]
    assert figures["lost"] == figures["same"] + figures["lexical"] + figures["contained"] == 30
    assert (figures["texts"], figures["distinct"], figures["compared"]) == (90, 85, 85)
    assert sidecar_made.metrics["most_twins"]["caption 1"]["twins"] == 1
    pairs = pq.read_table(one.home.lake.pairs(STAGE, ALL))
    assert pairs.schema.remove_metadata().equals(PAIRS)
    assert sum(kind == "caption" for kind in pairs["kind"].to_pylist()) == 25
    assert all(check.passed for check in sidecar_made.checks if check.blocking)
    questions = [row for row in one.rows() if row["kind"] == "question"]
    assert len(questions) > 40
    assert {row["turn"] for row in questions} == {0, 1}


def test_shards_one_by_one_in_any_order_give_the_files_of_all_at_once(corpus_at):
    whole = filled(corpus_at("whole")).put()
    whole.make()
    for order in ([0, 1, 2], [2, 0, 1]):
        grown = filled(corpus_at(f"grown{order}")).put()
        grown.present = []
        for number in order:
            grown.present = sorted([*grown.present, grown.shards[number]])
            made = grown.make()
        assert made.sidecar.metrics["texts"]["caption"]["compared"] < 40
        assert grown.files() == whole.files()
        assert made.sidecar.fingerprint == whole.make().sidecar.fingerprint


def test_of_unchanged_shards_only_the_texts_of_candidates_are_read(corpus_at, monkeypatch):
    one = corpus_at()
    one.captions["shard-0000"] = {sample_id("a"): "a red car in front of an old house"}
    one.captions["shard-0001"] = {sample_id("b"): "two dogs run along a sandy beach"}
    one.put().make()
    one.captions["shard-0002"] = {sample_id("c"): "A red car, in front of an old house now"}
    one.put()
    shards, texts = [], []
    kind, at = compared.CAPTIONS, signature_files.Signed.at
    read = lambda lake, shard: shards.append(shard) or kind.read(lake, shard)  # noqa: E731
    monkeypatch.setattr(compared, "CAPTIONS", replace(kind, read=read))
    monkeypatch.setattr(signature_files.Signed, "at", lambda self, places: _kept(texts, at(self, places)))
    made = one.make()
    assert set(one.lost().values()) | {sample for sample, _ in one.lost()} == {sample_id("a"), sample_id("c")}
    assert shards == ["shard-0002"]
    assert "two dogs run along a sandy beach" not in texts
    assert made.sidecar.metrics["texts"]["caption"]["compared"] == 1


def _kept(everything, found):
    everything += found
    return found


def test_a_withdrawn_row_gives_its_twin_back(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    captions = {row["id"]: row["twin"] for row in one.rows() if row["kind"] == "caption"}
    loser, winner = next(iter(captions.items()))
    for shard in one.shards:
        one.captions[shard].pop(winner, None)
    one.put().make()
    after = {row["id"]: row["twin"] for row in one.rows() if row["kind"] == "caption"}
    assert loser not in after
    assert winner not in after.values()
    again = filled(corpus_at("again"))
    for shard in again.shards:
        again.captions[shard].pop(winner, None)
    again.put().make()
    assert one.files() == again.files()


def test_a_changed_text_loses_its_pairs(corpus_at):
    one = corpus_at()
    one.captions["shard-0000"] = {sample_id("a"): "a red car in front of an old house"}
    one.captions["shard-0001"] = {sample_id("b"): "a red car in front of an old house"}
    one.put().make()
    assert len(one.rows()) == 1
    one.captions["shard-0001"] = {sample_id("b"): "two dogs run along a sandy beach"}
    one.put().make()
    assert one.rows() == []


def test_the_best_is_kept_by_quality_then_by_id(corpus_at):
    one = corpus_at()
    first, second = sorted([sample_id("a"), sample_id("b")])
    one.captions["shard-0000"] = {first: "a red car in front of an old house"}
    one.captions["shard-0002"] = {second: "A red car in front of an old house!"}
    one.put().make()
    assert one.lost() == {(second, -1): first}
    one.quality = {second: 0.9, first: 0.2}
    one.put().make()
    assert one.lost() == {(first, -1): second}


def test_signatures_of_another_version_are_made_again(corpus_at, monkeypatch):
    one = filled(corpus_at()).put()
    before = one.make()
    path = one.home.signatures("caption", "shard-0000")
    written = path.stat().st_mtime_ns
    one.make(again=True)
    assert path.stat().st_mtime_ns == written
    for module in (compared, nearness):
        monkeypatch.setattr(module, "algorithm", lambda: {"minhash": "another"})
    after = one.make(again=True)
    assert path.stat().st_mtime_ns > written
    assert after.sidecar.metrics["texts"]["caption"]["compared"] == 85
    assert after.sidecar.rows_out == before.sidecar.rows_out


def test_signatures_of_shards_and_kinds_that_are_gone_are_removed(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    left = one.home.signatures("caption", "shard-0007")
    left.write_bytes(one.home.signatures("caption", "shard-0000").read_bytes())
    one.make(again=True)
    assert not left.exists()
    assert one.home.signatures("question", "shard-0002").exists()
    one.tools = Tools(one.home, recipe(shards=3, duplicates={"questions": False}))
    one.home.adopt(one.tools.recipe, change=True)
    one.make()
    assert sorted(path.name for path in one.home.path.glob("signatures/*/*")) == [
        "shard-0000.arrow", "shard-0001.arrow", "shard-0002.arrow"
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["pairs", "sidecar", "signatures"])
def test_what_is_damaged_is_made_again(corpus_at, damage):
    one = filled(corpus_at()).put()
    one.make()
    good = one.files()
    lake = one.home.lake
    path = {
        "pairs": lake.pairs(STAGE, ALL),
        "sidecar": lake.sidecar_path(STAGE, ALL),
        "signatures": one.home.signatures("question", "shard-0001"),
    }[damage]
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    one.make(again=True)
    assert one.files() == good


def test_kills_leave_nothing_that_is_not_whole(corpus_at):
    one = filled(corpus_at(), texts=30).put()
    whole = filled(corpus_at("whole"), texts=30).put()
    whole.make()
    statuses = []
    for call in (0, 2, 5, 9, 13, 14, 15, 16, 17, 18, 40):
        statuses.append(ended(killed_at, call, _made, one))
    assert statuses.count(-9) >= 5
    assert statuses[-1] == 0
    assert one.make().sidecar.fingerprint == whole.make().sidecar.fingerprint
    assert one.files() == whole.files()


def _made(one):
    corpus.coverage = one.coverage
    one.make(again=True)


def test_shards_without_a_text_and_no_shards_at_all(corpus_at):
    one = corpus_at().put()
    assert one.make().sidecar.rows_out == 0
    one.present = []
    made = one.make()
    assert (made.reused, made.sidecar.rows_in, made.sidecar.rows_out) == (False, 0, 0)
    assert made.sidecar.not_selected == {}
    assert followed(one) == []


def test_a_missing_shard_is_named(corpus_at):
    one = filled(corpus_at()).put()
    path = one.home.lake.rows("pretrain_dataset", "shard-0001")
    path.unlink()
    with pytest.raises(LakeError, match=r"pretrain_dataset \[shard-0001\] is damaged"):
        one.make()


class _Work:
    """What the selection has when it asks what follows."""

    def __init__(self, one):
        self.lake, self.recipe, self.tools = one.home.lake, one.tools.recipe, one.tools


def followed(one, *left):
    """What follows where these candidates, (id, table), have left by an earlier rule."""
    rows = [{"id": sample, "table": table, "reason": "contaminated"} for sample, table in left]
    return decide(_Work(one), Leaving.of(decisions.table_of(rows))).to_pylist()


def test_a_lost_caption_takes_its_rows_of_both_tables_along(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    found = followed(one)
    lost = {row["id"]: row for row in one.rows() if row["kind"] == "caption"}
    assert {(row["id"], row["table"]) for row in found} == {
        (sample, table) for sample in lost for table in ("pretrain", "instruction")
    }
    assert all(row["evidence"] == lost[row["id"]]["twin"] and row["reason"] == "near_duplicate" for row in found)
    assert all(row["detail"] == f"{lost[row['id']]['how']} {lost[row['id']]['similarity']:.2f}" for row in found)


def test_a_twin_that_leaves_by_an_earlier_rule_gives_back_what_lost_to_it(corpus_at):
    one = corpus_at()
    best, same, near, apart = (sample_id(name) for name in "abcd")
    one.quality = {best: 0.9, same: 0.5, near: 0.4, apart: 0.3}
    one.captions["shard-0000"] = {
        best: "a red car in front of an old house",
        near: "a red car in front of an old house now",
    }
    one.captions["shard-0001"] = {
        same: "A red car, in front of an old house!",
        apart: "now a red car in front of an old house",
    }
    one.put().make()
    assert {row["id"]: row["evidence"] for row in followed(one)} == {same: best, near: best, apart: best}
    assert {row["id"]: row["evidence"] for row in followed(one, (best, "pretrain"))} == {near: same, apart: same}
    assert followed(one, (best, "pretrain"), (same, "pretrain")) == []  # the others are near those two alone
    assert {row["id"] for row in followed(one, (best, "instruction"))} == {same, near, apart}
    assert len(one.rows()) == 3  # what is shown stays as if nothing else took anything


def test_what_is_chosen_anew_is_what_a_corpus_without_those_that_left_gives(corpus_at):
    one = filled(corpus_at(), seed=4)
    one.quality = {sample: (number * 7 % 11) / 11 for number, sample in enumerate(sorted(_every(one)))}
    one.put().make()
    gone = sorted(_every(one))[::3]
    chosen = {row["id"]: row["evidence"] for row in followed(one, *((sample, "pretrain") for sample in gone))}
    without = filled(corpus_at("without"), seed=4)
    without.quality = one.quality
    for shard in without.shards:
        for sample in gone:
            without.captions[shard].pop(sample, None)
    without.put().make()
    assert chosen == {row["id"]: row["twin"] for row in without.rows() if row["kind"] == "caption"}
    assert chosen.keys() != {row["id"] for row in one.rows() if row["kind"] == "caption"} - set(gone)


def _every(one):
    return {sample for captions in one.captions.values() for sample in captions}


def test_a_dialog_most_of_whose_questions_are_asked_elsewhere_leaves_where_the_recipe_says_so(corpus_at):
    one = corpus_at(lost_questions=0.5)
    first, second, third = sorted(sample_id(name) for name in "abc")
    one.questions["shard-0000"] = {first: ["What is the man wearing?", "Where is the dog?"]}
    one.questions["shard-0001"] = {second: ["What is the man wearing?", "Which colour has the big house?"]}
    one.questions["shard-0002"] = {third: ["what is the man wearing", "Where is the dog?", "How many cars are there?"]}
    one.put().make()
    assert one.lost() == {(second, 0): first, (third, 0): first, (third, 1): first}
    (row,) = followed(one)
    assert (row["id"], row["table"], row["reason"], row["evidence"]) == (third, "instruction", "asked_elsewhere", first)
    assert row["detail"] == "2 of 3 questions are asked elsewhere"
    assert followed(one, (first, "instruction")) == []
    assert [row["id"] for row in followed(one, (second, "instruction"))] == [third]


def test_a_dialog_that_leaves_with_its_caption_asks_nothing(corpus_at):
    one = corpus_at(lost_questions=0.5)
    first, second, third = (sample_id(name) for name in "abc")
    one.quality = {first: 0.9, second: 0.5, third: 0.1}
    one.captions["shard-0000"] = {
        first: "a red car in front of an old house",
        second: "A red car in front of an old house!",
    }
    one.captions["shard-0001"] = {third: "two dogs run along a sandy beach"}
    one.questions["shard-0000"] = {second: ["What is the man wearing?"]}
    one.questions["shard-0001"] = {third: ["What is the man wearing?"]}
    one.put().make()
    assert one.lost() == {(second, -1): first, (third, 0): second}
    assert {(row["id"], row["reason"]) for row in followed(one)} == {(second, "near_duplicate")}
    assert {(row["id"], row["reason"]) for row in followed(one, (first, "pretrain"))} == {(third, "asked_elsewhere")}


def test_a_missing_file_of_texts_is_named(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    one.home.lake.texts(STAGE, ALL).unlink()
    with pytest.raises(LakeError, match=r"texts/all\.parquet cannot be read"):
        followed(one)


def test_a_recipe_that_compares_nothing_has_no_such_stage():
    assert near_duplicates(recipe(duplicates={"captions": False, "questions": False})) is None
    assert near_duplicates(recipe(duplicates={"captions": False})) is NEAR_DUPLICATES
    assert STAGE not in graph(recipe(duplicates={"captions": False, "questions": False}))


def test_containment_is_not_judged_where_the_recipe_says_zero(corpus_at, tmp_path):
    one = filled(corpus_at(containment=0)).put()
    one.make()
    assert {row["how"] for row in one.rows() if row["kind"] == "caption"} == {"lexical"}
    assert parse(dump(one.tools.recipe), where="it", base=tmp_path).duplicates.containment == 0
    with pytest.raises(ValueError, match="at least, or 0 to judge none"):
        recipe(duplicates={"containment": 0.3})


def test_the_check_warns_of_many_duplicates(corpus_at):
    one = filled(corpus_at(most=0.1)).put()
    (warned,) = [check for check in one.make().sidecar.checks if check.name == "few_duplicates"]
    assert (warned.passed, warned.blocking, warned.severity) == (False, False, "WARN")
    assert warned.figures == {"share": pytest.approx(1 / 3, abs=1e-5), "most": 0.1}


def test_pairs_and_losers_can_be_asked_for(corpus_at):
    one = filled(corpus_at()).put()
    one.make()
    with one.home.catalog.snapshot() as catalog:
        lost = catalog.execute("SELECT count(*) FROM near_duplicates WHERE kind = 'caption'").fetchall()
        pairs = catalog.execute("SELECT count(*) FROM near_duplicate_pairs WHERE kind = 'caption'").fetchall()
    assert (lost, pairs) == ([(30,)], [(25,)])


def meant(one, seed=1, twins=12):
    """Embeddings of all captions; some pairs are near in meaning, across the shards. Returns the corpus and them."""
    rng = np.random.default_rng(seed)
    every = sorted(_every(one))
    for sample in every:
        one.vectors[sample] = rng.normal(size=16)
    chosen = rng.permutation(every)[: 2 * twins].tolist()
    for sample, other in zip(chosen[:twins], chosen[twins:], strict=True):
        one.vectors[other] = one.vectors[sample] + rng.uniform(0, 0.3) * rng.normal(size=16)
    one.vectors = {sample: vector / np.linalg.norm(vector) for sample, vector in one.vectors.items()}
    return one


def semantic_pairs(one):
    found = pq.read_table(one.home.lake.pairs(STAGE, ALL)).to_pylist()
    return {frozenset((row["id_a"], row["id_b"])): row["similarity"] for row in found if row["how"] == "semantic"}


def test_captions_near_in_meaning_are_found_and_the_best_is_kept(corpus_at):
    one, rng = corpus_at(cosine=0.97), random.Random(1)
    known = vocabulary(rng)
    for number in range(40):
        one.captions[one.shards[number % 3]][sample_id(f"seed {number}")] = " ".join(fresh(rng, known))
    figures = meant(one).put().make().sidecar.metrics["texts"]["caption"]
    halves = {sample: vector.astype(np.float16).astype(np.float64) for sample, vector in one.vectors.items()}
    units = {sample: vector / np.linalg.norm(vector) for sample, vector in halves.items()}
    cosines = {frozenset((a, b)): float(units[a] @ units[b]) for a in units for b in units if a < b}
    true = {pair: cosine for pair, cosine in cosines.items() if cosine >= 0.97}
    ours = semantic_pairs(one)
    assert ours.keys() == true.keys()
    assert all(cosine == pytest.approx(true[pair], abs=1e-6) for pair, cosine in ours.items())
    assert 5 < figures["semantic"] == figures["lost"] == len(one.rows()) == len(ours)
    assert {(row["id"], row["twin"]) for row in one.rows()} == {(max(pair), min(pair)) for pair in true}
    assert all(row["detail"].startswith(("semantic 0.9", "semantic 1.0")) for row in followed(one))


def test_what_words_tell_is_told_by_words(corpus_at):
    one = corpus_at(cosine=0.9)
    first, second, third = sorted(sample_id(name) for name in "abc")
    one.captions["shard-0000"] = {first: "a red car in front of an old house", third: "two dogs run along a beach"}
    one.captions["shard-0001"] = {second: "a red car in front of an old house now"}
    one.vectors = dict.fromkeys((first, second, third), np.eye(16)[0])
    one.put().make()
    assert {row["id"]: (row["twin"], row["how"]) for row in one.rows()} == {
        second: (first, "lexical"), third: (first, "semantic")
    }  # fmt: skip
    assert semantic_pairs(one).keys() == {frozenset((first, third)), frozenset((second, third))}


@pytest.mark.parametrize("seed", [1, 2])
def test_in_meaning_too_shards_one_by_one_give_the_files_of_all_at_once(corpus_at, seed):
    whole = meant(filled(corpus_at("whole", cosine=0.9), seed=seed), seed).put()
    whole.make()
    assert len(semantic_pairs(whole)) > 3
    for order in ([0, 1, 2], [2, 0, 1]):
        grown = meant(filled(corpus_at(f"grown{order}", cosine=0.9), seed=seed), seed).put()
        grown.present = []
        for number in order:
            grown.present = sorted([*grown.present, grown.shards[number]])
            grown.make()
        assert grown.files() == whole.files()


@pytest.mark.parametrize("places", [(0, 1, 2), (2, 0, 1)])
def test_of_a_text_that_several_say_the_row_with_the_least_id_is_meant(corpus_at, places):
    first, second, third = sorted(sample_id(name) for name in "abc")
    shards = dict(zip((first, second, third), (f"shard-{place:04d}" for place in places), strict=True))
    near, far = np.eye(16)[:2]

    def put(name, present):
        one = corpus_at(name, cosine=0.9)
        one.captions[shards[first]] = {first: "A RED car in front of an old house"}
        one.captions[shards[second]] = {second: "a red car in front of an old house"}
        one.captions[shards[third]] = {third: "two dogs run along a sandy beach"}
        one.vectors = {first: far, second: near, third: near}
        one.present = sorted(present)
        return one.put()

    one = put("home", [shards[second], shards[third]])
    one.make()
    assert semantic_pairs(one) == {frozenset((second, third)): 1.0}
    one.present = list(one.shards)
    one.make()
    assert semantic_pairs(one) == {}
    one.captions[shards[first]] = {}
    one.put().make()
    assert semantic_pairs(one) == {frozenset((second, third)): 1.0}
    whole = put("whole", one.shards)
    whole.captions[shards[first]] = {}
    whole.put().make()
    assert one.files() == whole.files()


def test_other_embeddings_are_compared_anew_and_signatures_kept(corpus_at):
    one = meant(filled(corpus_at(cosine=0.9))).put()
    one.make()
    before, path = semantic_pairs(one), one.home.signatures("caption", "shard-0001")
    written = path.stat().st_mtime_ns
    one.vectors = {sample: -vector[::-1] for sample, vector in meant(one, seed=5).vectors.items()}
    one.put().make()
    assert path.stat().st_mtime_ns == written
    assert semantic_pairs(one).keys() != before.keys()
    again = filled(corpus_at("again", cosine=0.9))
    again.vectors = one.vectors
    again.put().make()
    assert one.files() == again.files()


def test_a_caption_without_an_embedding_is_named(corpus_at):
    one = meant(filled(corpus_at(cosine=0.9)))
    gone = sorted(one.captions["shard-0001"])[3]
    del one.vectors[gone]
    one.put()
    with pytest.raises(LakeError, match=rf"text_embeddings \[shard-0001\] holds no embedding of {gone}"):
        one.make()
    one.home.lake.vectors("text_embeddings", "shard-0002").unlink()
    with pytest.raises(LakeError, match=r"text_embeddings \[shard-0002\] is damaged"):
        one.make()


def test_meaning_enters_what_decides_only_where_it_is_compared(corpus_at):
    plain, on = corpus_at("plain").put(), corpus_at("on", cosine=0.97).put()
    without, of_questions = (NEAR_DUPLICATES.fields(one.tools) for one in (plain, on))
    assert without["caption"] == {"words": 3, "containment": 0.9}
    assert of_questions["caption"] == without["caption"] | {"semantic": {"cosine": 0.97, "version": 1}}
    assert of_questions["question"] == without["question"] == {"words": 2, "containment": None}
