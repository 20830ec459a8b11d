"""Make a study of a finished sweep: `python tools/study.py FOLDER OUTPUT --command "…"`.

FOLDER holds a folder for each run. OUTPUT gets one record a line, below a first line that holds the
command that made the runs.
"""

import argparse
import sys
from pathlib import Path

from s6erav3.training.record import RunRecord, read_record, write_study


def read_sweep(folder: Path) -> list[RunRecord]:
    "The records of all runs in `folder`, by name; `ValueError` if there is none or one is missing."
    runs = sorted(path for path in folder.glob("*") if path.is_dir())
    if not runs:
        raise ValueError(f"there is no run in {folder}")
    for run in runs:
        if not (run / "record.json").is_file():
            raise ValueError(f"{run} has no record; make the runs that are missing first")
    return [read_record(run / "record.json") for run in runs]


def main(arguments: list[str] | None = None) -> int:
    "Write the study; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the output folder of the sweep")
    parser.add_argument("output", type=Path, help="the file to write, like results/ablation.jsonl")
    parser.add_argument("--command", required=True, help="the command that made the runs")
    args = parser.parse_args(arguments)
    try:
        records = read_sweep(args.folder)
        write_study(records, args.command, args.output)
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{len(records)} records in {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
