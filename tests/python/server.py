"""The real program, replaying a small real recording (examples/wikipedia-edits), and then serving."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TIDECAST", str(ROOT / "build" / "tidecast"))


class Server:
    """Up once it is made; close() ends it and removes its folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tidecast-python-"))
        text = (ROOT / "examples/wikipedia-edits/tidecast.yaml").read_text().replace("../../data", str(ROOT / "data"))
        (self.folder / "tidecast.yaml").write_text(text + "\nserver: { listen: 127.0.0.1:0 }\n")
        self.process = subprocess.Popen([BINARY, "replay", "--serve", "-c", str(self.folder / "tidecast.yaml")],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url, said = "", ""
        for line in self.process.stdout:
            said += line
            console = re.search(r"Console: (http:\S+)", line)
            if console:
                self.url = console.group(1).rstrip("/")
            if "Data  " in line:  # The last line but one of the replay's summary: it is over, and the server stays.
                break
        if not self.url or self.process.poll() is not None:
            self.close()
            raise RuntimeError("the program did not serve:\n" + said)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
