"""What a command prints, where the place it prints to is closed, full, gone, or of a code page that lacks signs."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import maskscope
from maskscope.cli.main import main
from maskscope.cli.output.streams import standard_streams

SENTENCE = "“±” × − … ≤ ✓ é ┃ \udcff"


@pytest.fixture
def lead(monkeypatch):
    """Makes a stream of Python's own lead to a file, as a shell's redirection would."""
    opened = []

    def to(name, file, encoding="utf-8"):
        stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(file, "w")), encoding, "strict")
        opened.append(stream)
        monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, f"__{name}__", stream)
        return stream

    yield to
    for stream in opened:
        stream.close()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", '"+-" x - ... <= v e ? ?'),
        ("latin-1", '"±" × - ... <= v é ? ?'),
        ("cp1252", "“±” × - … <= v é ? ?"),
        ("utf-8", "“±” × − … ≤ ✓ é ┃ ?"),
    ],
)
def test_a_sign_that_a_code_page_lacks_has_a_substitute(lead, tmp_path, encoding, shown):
    before = lead("stdout", tmp_path / "out", encoding)
    with standard_streams() as require_written:
        print(SENTENCE)
        require_written()
    assert sys.stdout is before
    assert (tmp_path / "out").read_bytes().decode(encoding) == f"{shown}\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("words", [["list"], ["--help"], ["list", "--help"], ["claims"]])
def test_a_full_output_is_said_in_one_line(lead, tmp_path, words):
    lead("stdout", "/dev/full")
    errors = lead("stderr", tmp_path / "err")
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    errors.flush()
    (line,) = (tmp_path / "err").read_text().splitlines()
    assert "Standard output cannot be written: No space left on device" in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_standard_error_ends_nothing(lead, capsys):
    lead("stderr", "/dev/full")
    with standard_streams() as require_written:
        sys.stderr.write("step 1\n")
        print("done")
        require_written()
    assert capsys.readouterr().out == "done\n"


def test_a_reader_that_has_gone_ends_nothing(lead):
    reader, writer = os.pipe()
    os.close(reader)
    lead("stdout", writer)
    main(["list"])


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors")
def test_closed_streams_get_no_messages_of_ours(tmp_path):
    """Neither ends the command at once, nor has a file that is opened later the number of standard error."""
    # without the package's __init__, and so without torch, which takes seconds
    program = f"""
import os, sys, types
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
package = sys.modules["maskscope"] = types.ModuleType("maskscope")
package.__path__ = [{str(Path(maskscope.__file__).parent)!r}]
from maskscope.cli.output.streams import standard_streams
from maskscope.errors import OutputError
with standard_streams() as require_written:
    sys.stderr.write("step 1")
    require_written()
    print("result")
    mine = os.open({str(tmp_path / "file")!r}, os.O_CREAT | os.O_WRONLY)
    try:
        require_written()
    except OutputError as error:
        os.write(mine, f"{{mine > 2}} {{error}}".encode())
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "file").read_text().startswith("True Standard output cannot be written: it is closed")
