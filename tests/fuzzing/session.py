"Many damaged files for a reader, and how much memory that takes."

import tempfile
from pathlib import Path

import hypothesis.configuration
from hypothesis import HealthCheck, given, seed, settings

from fuzzing.checkpoints import (
    damaged_checkpoints,
    hostile_checkpoints,
    large_hostile_checkpoints,
)
from fuzzing.idx import damaged_idx, hostile_idx, large_hostile_idx
from fuzzing.pictures import damaged_pictures, hostile_pictures, large_hostile_pictures
from fuzzing.readers import read
from fuzzing.records import damaged_records, hostile_records, large_hostile_records
from fuzzing.weights import damaged_weights, hostile_weights, large_hostile_weights

# otherwise Hypothesis makes a folder in the current one
hypothesis.configuration.set_hypothesis_home_dir(tempfile.gettempdir())

DAMAGED = {
    "weights": damaged_weights,
    "checkpoint": damaged_checkpoints,
    "record": damaged_records,
    "picture": damaged_pictures,
    "idx": damaged_idx,
}
HOSTILE = {
    "weights": hostile_weights,
    "checkpoint": hostile_checkpoints,
    "record": hostile_records,
    "picture": hostile_pictures,
    "idx": hostile_idx,
}
LARGE_HOSTILE = {
    "weights": large_hostile_weights,
    "checkpoint": large_hostile_checkpoints,
    "record": large_hostile_records,
    "picture": large_hostile_pictures,
    "idx": large_hostile_idx,
}


def fuzz(reader: str, count: int, seed_number: int, folder) -> dict:
    "Read `count` damaged files, the same in every session; how many were read, and the slowest."
    path = Path(folder) / "file"
    outcomes = []
    options = {"derandomize": False, "database": None, "deadline": None}

    @seed(seed_number)
    @settings(max_examples=count, suppress_health_check=list(HealthCheck), **options)
    @given(DAMAGED[reader]())
    def read_one(content):
        path.write_bytes(content)
        outcomes.append(read(reader, path))

    read_one()
    return {
        "n": len(outcomes),
        "read": sum(not outcome.message for outcome in outcomes),
        "slowest": max(round(outcome.seconds, 3) for outcome in outcomes),
    }


def peak_megabytes() -> int:
    """The most memory that this process has had at once (on Linux; 0 elsewhere).

    `getrusage` would begin with that of the process that started this one."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return peaks[0] // 1024 if peaks else 0
