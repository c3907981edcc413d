"""Scenes, their images, their words, and the writer that knows them."""

import json

import numpy as np
import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.proof import scenes, wording, writer
from unicorn_assets.proof.scenes import CELLS, OTHER, PLACES, SHAPES
from unicorn_assets.synthesis import prompts
from unicorn_assets.synthesis.answers import parse_dialog

CHANCE = 5


def chance():
    return np.random.default_rng(CHANCE)


def test_no_scene_is_empty_and_about_half_of_the_places_are():
    drawn = scenes.draw(chance(), 4000)
    assert drawn.shape == (4000, PLACES)
    assert drawn.any(axis=1).all()
    assert 0.5 < (drawn > 0).mean() < 0.56
    assert set(np.unique(drawn)) == set(range(CELLS))


def test_another_mix_is_another():
    usual, other = scenes.draw(chance(), 4000), scenes.draw(chance(), 4000, OTHER)
    assert (other > 0).mean() > (usual > 0).mean() + 0.1
    reds = [((mix > 0) & ((mix - 1) // SHAPES == 0)).sum() / (mix > 0).sum() for mix in (usual, other)]
    assert reds[1] < reds[0] - 0.08


def test_a_family_differs_from_its_first_by_little():
    drawn = scenes.families(chance(), 500).reshape(500, scenes.FAMILY, PLACES)
    different = (drawn != drawn[:, :1]).sum(axis=2)
    assert (different[:, 1:] <= 2).all()
    assert (different[:, 1:] > 0).mean() > 0.9


def test_images_show_what_the_scene_says():
    empty = np.zeros((1, PLACES), np.int64)
    for place, (row, column) in enumerate([(7, 7), (7, 23), (23, 7), (23, 23)]):
        scene = empty.copy()
        scene[0, place] = 1 + 2 * SHAPES  # a blue circle
        image = scenes.render(chance(), scene)[0]
        assert image.shape == (3, scenes.SIZE, scenes.SIZE)
        red, _, blue = image[:, row, column]
        assert blue > red + 0.3
        others = [spot for spot in [(7, 7), (7, 23), (23, 7), (23, 23)] if spot != (row, column)]
        assert all(abs(image[2, r, c] - image[0, r, c]) < 0.3 for r, c in others)


def test_full_captions_are_read_back_whole():
    generator = chance()
    for scene in scenes.draw(generator, 500).tolist():
        assert wording.read(wording.full(generator, scene)) == scene


def test_sparse_captions_say_one_or_two_things_and_nothing_wrong():
    generator = chance()
    for scene in scenes.draw(generator, 500).tolist():
        read = wording.read(wording.sparse(generator, scene))
        said = [place for place, cell in enumerate(read) if cell is not None]
        assert 1 <= len(said) <= 2
        assert all(read[place] == scene[place] != 0 for place in said)


@pytest.mark.parametrize(
    ("text", "cell"),
    [("a red circle", 1), ("A Blue Triangle.", 3 + 2 * SHAPES), ("nothing", 0), ("a circle", None), ("", None)],
)
def test_answers_are_read(text, cell):
    assert wording.cell(text) == cell


def test_the_writer_keeps_what_a_seed_says():
    generator = chance()
    for scene in scenes.draw(generator, 200).tolist():
        seed = wording.sparse(generator, scene)
        grown = wording.read(writer.expand(generator, seed))
        told = wording.read(seed)
        assert None not in grown
        assert all(grown[place] == cell for place, cell in enumerate(told) if cell is not None)


@pytest.mark.parametrize("task", ["multiple_choice", "question_answering", "complex_reasoning"])
def test_the_writers_dialogs_are_valid_and_true(task):
    generator, asked = chance(), writer.SceneWriter()
    for number, scene in enumerate(scenes.draw(generator, 200).tolist()):
        caption = wording.full(generator, scene)
        source = {"seed": caption, "caption": caption}
        request = prompts.request(task, f"{number:032x}", source, recipes.Sampling(max_tokens=500))
        [(_, answer)] = asked.generate([request])
        parsed = parse_dialog(task, answer.text, request.id, answer.finish_reason)
        assert not parsed.repaired
        assert len(parsed.turns) >= 2
        for pair in json.loads(answer.text)["pairs"]:
            places = wording.places(pair["question"])
            if task != "complex_reasoning" and pair["question"].startswith(("What is", "What stands", "Which shape")):
                [place] = places
                assert wording.cell(pair["answer"]) == scene[scenes.PLACE_NAMES.index(place)]
