"""Settings as a person writes them."""

from unicorn_assets import settings


def test_lists_of_the_file_are_taken(home):
    home.prepare()
    text = '[vllm]\ndevices = ["0", "1"]\nextra_arguments = ["--enforce-eager"]\n'
    (home.path / "settings.toml").write_text(text)
    read = settings.load(home.path).vllm
    assert read.devices == ("0", "1")
    assert read.extra_arguments == ("--enforce-eager",)
