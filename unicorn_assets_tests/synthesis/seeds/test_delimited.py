"""CSV and TSV, above all when the quoting is wrong."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.readers import rows
from unicorn_assets.synthesis.seeds.rows import Row, SetAside
from unicorn_assets_tests.synthesis.seeds.writing import source, write_text

LONG = "word " * 40_000  # 200 kB


def read(tmp_path, text, name="a.csv", **keys):
    return list(rows(source(write_text(tmp_path, name, text), **keys)))


def short(found):
    return [(row.row, row.reason if isinstance(row, SetAside) else row.text) for row in found]


def test_quotes_as_spreadsheets_write_them(tmp_path):
    text = '\ufeffimage_id,caption\r\n1,"He said ""hi"", then\r\nleft"\r\n2,plain\r\n'
    assert read(tmp_path, text) == [Row(2, 'He said "hi", then\nleft', "1"), Row(4, "plain", "2")]


def test_quote_inside_a_plain_field_stands_for_itself(tmp_path):
    assert short(read(tmp_path, 'caption,image\na 5" pipe,1\na 6" pipe,2\n')) == [(2, 'a 5" pipe'), (3, 'a 6" pipe')]


def test_text_behind_a_closing_quote_rejects_its_line_alone(tmp_path):
    text = 'caption,image\n"He said "hi" there",1\na dog,2\n'
    assert short(read(tmp_path, text)) == [(2, "csv_quoting"), (3, "a dog")]


def test_a_quote_that_swallows_a_line_gives_it_back(tmp_path):
    text = 'caption,image\n"a man,1\na dog,2\n"a cat",3\na cow,4\n'
    assert short(read(tmp_path, text)) == [(2, "csv_quoting"), (3, "a dog"), (4, "a cat"), (5, "a cow")]


@pytest.mark.parametrize("rest", ["a dog,2\n", "a dog,2\n" * 200_000])
def test_quote_that_is_never_closed(tmp_path, rest):
    with pytest.raises(SeedError, match=r"begins in line 3 of .*a\.csv is not closed") as error:
        read(tmp_path, 'caption,image\na cat,1\n"a man,1\n' + rest)
    assert "double it" in error.value.cure


def test_wrong_number_of_fields(tmp_path):
    text = "caption,image\na dog,1,more\na cat\na cow,2\n\n"
    found = read(tmp_path, text)
    assert short(found) == [(2, "field_count"), (3, "field_count"), (4, "a cow")]
    assert found[0].detail == "3 fields, where the header has 2"
    assert found[0].text == "a dog,1,more"


def test_field_too_large(tmp_path):
    text = f'caption,image\n{LONG},1\na dog,2\n"{LONG}",3\na cow,4\n'
    assert short(read(tmp_path, text)) == [(2, "row_too_large"), (3, "a dog"), (4, "row_too_large"), (5, "a cow")]


def test_line_too_large_inside_quotes(tmp_path):
    text = 'caption,image\n"a man\n' + "x" * (3 << 20) + '",1\na cow,4\n'
    assert short(read(tmp_path, text)) == [(2, "csv_quoting"), (3, "row_too_large"), (4, "a cow")]


def test_faults_on_any_line_of_a_record(tmp_path):
    text = b'caption,image\n"a man\nwalks \xff",1\n"a dog\nruns \x00",2\na cow,4\n'
    found = read(tmp_path, text)
    assert short(found) == [(2, "bad_encoding"), (4, "nul_byte"), (6, "a cow")]
    assert "line 3" in found[0].detail


def test_bare_carriage_return(tmp_path):
    assert short(read(tmp_path, "caption\na man\rwalks\na dog\n")) == [(2, "csv_quoting"), (3, "a dog")]


def test_tabs_are_no_text_in_tsv(tmp_path):
    text = "caption\turl\na dog, brown\thttp://1\n"
    assert read(tmp_path, text, "a.tsv") == [Row(2, "a dog, brown", "http://1")]


@pytest.mark.parametrize(("mark", "cure"), [(";", "write it with commas"), ("\t", 'format = "tsv"'), ("|", "write it")])
def test_another_separator(tmp_path, mark, cure):
    with pytest.raises(SeedError, match="seem to be separated by") as error:
        read(tmp_path, f"caption{mark}image\na dog{mark}1\n")
    assert cure in error.value.cure


def test_no_header(tmp_path):
    with pytest.raises(SeedError, match="its columns are 'a dog runs', 'http") as error:
        read(tmp_path, "a dog runs\thttp://1\n", "a.tsv")
    assert "names its columns in line 1" in error.value.cure


@pytest.mark.parametrize("header", [b"capt\xffion\n", b'"caption"x\n', b"y" * (2 << 20) + b"\n"])
def test_header_that_cannot_be_read(tmp_path, header):
    with pytest.raises(SeedError, match=r"first line of .*a\.csv cannot be read"):
        read(tmp_path, header + b"a dog\n")


def test_column_given_twice(tmp_path):
    with pytest.raises(SeedError, match="two columns 'caption'"):
        read(tmp_path, "caption,caption\na,b\n")


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('ab ",\n\r\0é', max_size=60))
def test_whatever_stands_below_the_header_gives_rows_or_one_error(tmp_path, text):
    found, wrong = [], ""
    try:
        found = read(tmp_path, f"caption,image\nfirst,1\n{text}")
    except SeedError as error:
        wrong = error.what
    if wrong:
        assert "not closed" in wrong
        assert '"' in text
    else:
        numbers = [row.row for row in found]
        assert numbers == sorted(set(numbers))
        assert found[0] == Row(2, "first", "1")
