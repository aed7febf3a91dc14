"""The command while it is being loaded."""

import signal
import subprocess
import sys
import time

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from maskscope_command import main
print("loading", flush=True)
sys.argv = ["maskscope", "list"]
main()
"""


def test_ctrl_c_while_the_command_is_loaded_ends_it_without_a_word():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"loading\n"
        time.sleep(0.2)  # what is loaded takes longer
        process.send_signal(signal.SIGINT)
        said = process.communicate()
    assert (process.returncode, said) == (-signal.SIGINT, (b"", b""))
