"""``maskscope data``: which data sets there are, downloading and checking images, exporting what is generated."""

from maskscope.cli.commands import Command
from maskscope.cli.words.actions import run_action

_SUMMARY = """The data sets that studies use: list, download and check images; export what is generated.

  maskscope data list
  maskscope data fetch mnist
"""
_MORE = """Sets of images: mnist, fashion-mnist, cifar10, cifar100.

They are looked for in --data-dir, else in the folder that the environment variable MASKSCOPE_DATA names, else in the
cache, into which they are downloaded. A folder that you name is downloaded into only by `fetch --data-dir`.
"""
_IMAGES = "maskscope.cli.data.images"
ACTIONS = {
    "list": Command("", "the data sets, where each is looked for, and whether it is there", f"{_IMAGES}:list_data"),
    "fetch": Command("", "download data sets into the cache, or into --data-dir", f"{_IMAGES}:fetch_data"),
    "check": Command("", "read data sets and compare them with the published checksums", f"{_IMAGES}:check_data"),
    "export": Command(
        "",
        "write a split of SCAN, or questions of the Mathematics Dataset, as published",
        "maskscope.cli.data.export:export_data",
    ),
}


def data_command(words: list[str]) -> None:
    """Runs one of the four."""
    run_action("data", ACTIONS, words, summary=_SUMMARY, more=_MORE)
