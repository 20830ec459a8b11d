"Many runs: on this machine and on a cluster, started again, damaged, failing."

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from s6erav3 import experiments
from s6erav3.cli import main
from s6erav3.data import load_splits
from s6erav3.models.model import MNISTModel, load_weights
from s6erav3.training.train import Recipe, read_record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import collect  # noqa: E402

LocalCluster = pytest.importorskip("distributed", reason="needs the extra `cluster`").LocalCluster

QUICK = Recipe("quick", epochs=1, schedule="one_cycle")


@pytest.fixture(scope="module")
def splits():
    return load_splits("digits", limit=256)


def times(folder):
    return {
        path.parent.name: path.stat().st_mtime_ns for path in Path(folder).glob("*/record.json")
    }


def test_a_sweep_started_again_makes_only_what_is_missing(splits, tmp_path, capsys):
    assert experiments.sweep([QUICK], [0, 1], splits, tmp_path, jobs=1) == {}
    before = times(tmp_path)
    (tmp_path / "quick-seed1" / "record.json").write_text('{"seed": 1')
    assert experiments.sweep([QUICK], [0, 1, 2], splits, tmp_path, jobs=1) == {}
    after = times(tmp_path)
    assert (
        after.keys() == {"quick-seed0", "quick-seed1", "quick-seed2"}
        and after["quick-seed0"] == before["quick-seed0"]
    )
    assert (tmp_path / "quick-seed1" / "record.json.corrupt").read_text() == '{"seed": 1'
    said = [line for line in capsys.readouterr().out.splitlines() if "corrupt" in line]
    assert len(said) == 1 and "quick-seed1" in said[0]
    for seed in range(3):
        load_weights(MNISTModel(), tmp_path / f"quick-seed{seed}" / "mnist_model.pth")


def test_a_sweep_told_to_end_takes_its_workers_with_it(tmp_path):
    command = [
        sys.executable,
        "-m",
        "s6erav3",
        "sweep",
        "--dataset",
        "digits",
        "--recipe",
        "original",
        "--seeds",
        "0-3",
        "--jobs",
        "2",
        "--epochs",
        "500",
        "--compile",
        "off",
        "--out",
        tmp_path,
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )

    def alive():
        return [
            pid for pid in os.listdir("/proc") if pid.isdigit() and session_of(pid) == process.pid
        ]

    while len(alive()) < 4:
        time.sleep(0.1)  # itself, two workers, and what watches over them
    time.sleep(2)
    process.terminate()
    _, error = process.communicate(timeout=30)
    assert process.returncode == 143 and error == "Interrupted.\n"
    deadline = time.monotonic() + 10
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive() and not list(tmp_path.glob("*/*"))


def session_of(pid) -> int:
    try:
        return int(Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # has ended meanwhile


@pytest.mark.parametrize("text", ["", "[]", "null", '{"seed": 0}', "\x00\xff"])
def test_what_is_not_a_record_is_set_aside(splits, tmp_path, text):
    folder = tmp_path / "quick-seed0"
    folder.mkdir()
    (folder / "record.json").write_bytes(text.encode("latin-1"))
    assert experiments.sweep([QUICK], [0], splits, tmp_path, jobs=1) == {}
    assert (
        read_record(folder / "record.json")["recipe_name"] == "quick"
        and (folder / "record.json.corrupt").exists()
    )


def test_a_failing_run_does_not_take_the_others_with_it(splits, tmp_path):
    needs_held_out = replace(QUICK, name="plateau", schedule="plateau")
    faults = experiments.sweep(
        [needs_held_out, QUICK], [0, 1], replace(splits, valid=None), tmp_path, jobs=2
    )
    assert faults.keys() == {"plateau-seed0", "plateau-seed1"} and all(
        "hold some out" in fault for fault in faults.values()
    )
    assert times(tmp_path).keys() == {"quick-seed0", "quick-seed1"}


def test_a_cluster_gives_the_same_runs(splits, tmp_path):
    assert experiments.sweep([QUICK], [0, 1], splits, tmp_path / "here", jobs=1) == {}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert (
            experiments.sweep(
                [QUICK], [0, 1], splits, tmp_path / "there", scheduler=cluster.scheduler_address
            )
            == {}
        )
    for seed in range(2):
        here, there = (
            read_record(tmp_path / where / f"quick-seed{seed}" / "record.json")
            for where in ("here", "there")
        )
        assert here["history"][0]["train_loss"] == pytest.approx(
            there["history"][0]["train_loss"], rel=1e-4
        )


def call(capsys, *args):
    status = main([*map(str, args)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command(tmp_path, capsys):
    args = (
        "sweep",
        "--recipe",
        "original",
        "--dataset",
        "digits",
        "--limit",
        128,
        "--epochs",
        1,
        "--seeds",
        "0,2-3",
        "--out",
        tmp_path,
        "--jobs",
        1,
        "--no-test",
    )
    status, out, error = call(capsys, *args)
    assert status == 0, error
    assert (
        times(tmp_path).keys() == {"original-seed0", "original-seed2", "original-seed3"}
        and "original" in out.splitlines()[-1]
    )
    assert (
        json.loads((tmp_path / "original-seed0" / "record.json").read_text())["test_errors"] is None
    )
    status, _, error = call(capsys, *args[:-1])
    assert status == 1 and error.count("\n") == 1 and "another recipe" in error


@pytest.mark.parametrize(
    "args, says",
    [
        (["--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (["--scheduler", "nonsense://x"], "no Dask scheduler answers at nonsense://x"),
        (["--seeds", "3-1"], "--seeds"),
        (["--seeds", ""], "--seeds"),
        (["--seeds", "a"], "--seeds"),
        (["--recipe", "secret"], "there is no recipe 'secret'"),
        (["--recipe", "ladder-floor"], "there is no recipe 'ladder-floor'"),
        (["--recipe", "ladder", "--holdout", "0"], "ladder-plateau watches held-out digits"),
        (["--jobs", "0"], "--jobs"),
        (["--recipe", "original", "--holdout", "0"], "watches held-out digits"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, capsys, args, says):
    status, _, error = call(
        capsys,
        "sweep",
        "--recipe",
        "fast",
        "--dataset",
        "digits",
        "--limit",
        128,
        "--epochs",
        1,
        "--out",
        tmp_path,
        *args,
    )
    assert (
        status in (1, 2)
        and says in error
        and error.startswith("Error: ")
        and error.count("\n") == 1
    )


def test_without_dask_a_cluster_cannot_be_used(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, error = call(
        capsys,
        "sweep",
        "--dataset",
        "digits",
        "--limit",
        128,
        "--out",
        tmp_path,
        "--scheduler",
        "tcp://127.0.0.1:9",
    )
    assert status == 1 and "s6erav3[cluster]" in error and error.count("\n") == 1


def test_bench_writes_its_table(tmp_path, capsys):
    status, out, error = call(
        capsys,
        "bench",
        "--dataset",
        "digits",
        "--batches",
        2,
        "--rounds",
        2,
        "--json",
        tmp_path / "new" / "bench.json",
    )
    assert status == 0, error
    rows = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert len(rows) == 4 and all(
        set(row) == {"name", "seconds_per_epoch", "spread", "ratio_to_published"} for row in rows
    )
    assert "published loop" in out and "Evaluating 250 digits" in out
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "bench.json", tmp_path):
        status, _, error = call(capsys, "bench", "--dataset", "digits", "--json", place)
        assert (
            status == 1
            and error.startswith("Error: cannot write into ")
            and "--json" in error
            and error.count("\n") == 1
        )
    assert call(capsys, "bench", "--batches", 0)[0] == 2


def test_each_seed_may_have_its_own_digits(tmp_path):
    def digits_of(seed):
        return load_splits("digits", holdout=100, limit=128, fold=seed)

    assert experiments.sweep([QUICK], [0, 1], digits_of, tmp_path, jobs=1) == {}
    assert [
        read_record(tmp_path / f"quick-seed{seed}" / "record.json")["fold"] for seed in (0, 1)
    ] == [0, 1]
    before = times(tmp_path)
    assert (
        experiments.sweep([QUICK], [0, 1], digits_of, tmp_path, jobs=1) == {}
        and times(tmp_path) == before
    )
    with pytest.raises(ValueError, match="other digits"):
        experiments.sweep([QUICK], [0], lambda seed: digits_of(1), tmp_path)
    with pytest.raises(ValueError, match="other digits"):
        experiments.sweep([QUICK], [0], load_splits("digits", holdout=90, limit=128), tmp_path)


def test_each_seed_holds_out_other_digits_by_command(tmp_path, capsys):
    args = (
        "sweep",
        "--recipe",
        "ladder-cycle",
        "--dataset",
        "digits",
        "--epochs",
        1,
        "--holdout",
        250,
        "--out",
        tmp_path,
        "--jobs",
        1,
        "--no-test",
        "--folds",
        "--seeds",
    )
    status, _, error = call(capsys, *args, "0-1")
    assert status == 0, error
    records = [
        read_record(tmp_path / f"ladder-cycle-seed{seed}" / "record.json") for seed in (0, 1)
    ]
    assert [record["fold"] for record in records] == [0, 1] and records[0]["recipe"][
        "schedule"
    ] == "one_cycle"
    status, _, error = call(capsys, *args, "99")
    assert status == 1 and "there is no fold 99" in error and error.count("\n") == 1


def test_snapshots_are_the_weights_after_each_epoch_and_change_nothing(splits, tmp_path):
    two = replace(QUICK, epochs=2)
    assert experiments.sweep([two], [0], splits, tmp_path / "with", jobs=1, snapshots=True) == {}
    assert experiments.sweep([two], [0], splits, tmp_path / "without", jobs=1) == {}
    weights = [
        load_weights(MNISTModel(), tmp_path / name / "quick-seed0" / "mnist_model.pth").state_dict()
        for name in ("with", "without")
    ]
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights)))
    first, last = torch.load(tmp_path / "with" / "quick-seed0" / "epochs.pth", weights_only=True)
    assert all(
        torch.equal(last[name], t.to(last[name].dtype)) for name, t in weights[0].items()
    ) and not torch.equal(first["fc.weight"], last["fc.weight"])
    assert not (tmp_path / "without" / "quick-seed0" / "epochs.pth").exists()


def test_records_are_collected(splits, tmp_path, capsys):
    assert experiments.sweep([QUICK], [0, 1], splits, tmp_path / "runs", jobs=1) == {}
    assert collect.main([str(tmp_path / "runs"), str(tmp_path / "results")]) == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "quick-seed0.json",
        "quick-seed1.json",
    }
    capsys.readouterr()
    for args, status in (([], 2), ([str(tmp_path / "nowhere"), str(tmp_path / "results")], 1)):
        assert collect.main(args) == status
        error = capsys.readouterr().err
        assert error.startswith("Error: ") and error.count("\n") == 1
