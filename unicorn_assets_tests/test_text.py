from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.text import FUNCTION_WORDS, content_words, words


def test_words_are_lower_case_and_keep_hyphens_and_apostrophes():
    text = "The child's well-worn Teddy-bear, it isn’t NEW!"
    assert words(text) == ["the", "child's", "well-worn", "teddy-bear", "it", "isn’t", "new"]


def test_marks_around_a_word_do_not_belong_to_it():
    assert words("'quoted' -dash- snake_case <b>2nd</b>") == ["quoted", "dash", "snake", "case", "b", "2nd", "b"]


def test_words_of_other_scripts_are_words():
    assert words("Café in KÖLN, 東京") == ["café", "in", "köln", "東京"]


def test_content_words_leave_function_words_out_and_keep_the_order():
    assert content_words("A dog sits on the old red bench with a dog") == ["dog", "sits", "old", "red", "bench", "dog"]


def test_function_words_are_whole():
    assert len(FUNCTION_WORDS) == 172
    assert all(words(word) == [word] for word in FUNCTION_WORDS)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_any_text_gives_words_that_give_themselves_again(text):
    found = words(text)
    assert words(" ".join(found)) == found
    assert [word for word in found if word not in FUNCTION_WORDS] == content_words(text)
