"""Collect the records of a sweep: `python tools/collect.py RUNS RESULTS` copies RUNS/NAME/record.json to RESULTS/NAME.json."""

import shutil
import sys
from pathlib import Path

from s6erav3.files import written_whole


def copy_whole(source: Path, target: Path):
    "Copy a file so that the copy is never half."
    with written_whole(target) as part:
        shutil.copyfile(source, part)


def collect(runs: Path, results: Path) -> int:
    "Copy the records of all runs in a folder; how many there were."
    records = sorted(runs.glob("*/record.json"))
    if records:
        results.mkdir(parents=True, exist_ok=True)
    for record in records:
        copy_whole(record, results / f"{record.parent.name}.json")
    return len(records)


def main(args) -> int:
    "Copy, and say how many; the exit status."
    if len(args) != 2:
        print(
            "Error: two folders are needed, that of the runs and that of the records",
            file=sys.stderr,
        )
        return 2
    runs, results = map(Path, args)
    if not (n := collect(runs, results)):
        print(f"Error: there is no run in {runs}", file=sys.stderr)
        return 1
    print(f"{n} records in {results}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
