"""Read files, then damaged ones, in little memory: `python -m fuzzing READER COUNT FILE...`

A line of JSON for each file, and one for all damaged ones. Linux only."""

import json
import resource
import sys
import tempfile
from pathlib import Path

import torch

from fuzzing.readers import READERS, hang_guard, read
from fuzzing.records import RESULTS
from fuzzing.session import fuzz, peak_megabytes

MORE_BYTES = 10**9  # that the process may have beside what it has at its start


def limit_memory():
    "Limit the memory of this process; what libraries load at their first use is there before."
    READERS["record"](RESULTS / "original-seed0.json")
    torch.zeros(9).isfinite().all()
    used = (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )
    resource.setrlimit(resource.RLIMIT_AS, (used + MORE_BYTES,) * 2)


def main(reader: str, count: str, *names: str):
    limit_memory()
    before = peak_megabytes()
    for name in names:
        with hang_guard():
            outcome = read(reader, name)
        row = {"file": name, **outcome._asdict(), "peak": peak_megabytes()}
        print(json.dumps(row), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(reader, int(count), 1, folder)
    print(json.dumps({"fuzz": found, "before": before, "peak": peak_megabytes()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
