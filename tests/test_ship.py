"Which run of a recipe is shipped, and what is refused."

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import ship
from s6erav3.models.weights import load_pretrained, save_weights
from s6erav3.training.record import read_record, write_record

RECORD = read_record(ship.WEIGHTS / "smallest_99.json")


def write_run(folder, seed=0, loss=0.1, **changes):
    "A run like that of the package, with another seed and training loss."
    folder.mkdir()
    history = [*RECORD["history"][:-1], {**RECORD["history"][-1], "train_loss": loss}]
    record = {**RECORD, "seed": seed, "history": history, **changes}
    write_record(record, folder / "record.json")
    save_weights(load_pretrained("smallest_99"), folder / "mnist_model.pth")
    return str(folder)


@pytest.fixture
def written(monkeypatch, tmp_path):
    "The names of the files that were written into the package and into results/."
    (tmp_path / "out").mkdir()
    for place in ("WEIGHTS", "RESULTS"):
        monkeypatch.setattr(ship, place, tmp_path / "out")
    return lambda: sorted(path.name for path in (tmp_path / "out").iterdir())


def test_the_median_by_training_loss_is_shipped(tmp_path, written, capsys):
    losses = {0: 0.3, 1: 0.1, 2: 0.2}
    runs = [write_run(tmp_path / f"run{seed}", seed, loss) for seed, loss in losses.items()]
    assert ship.main(runs) == 0
    assert "run2 as smallest_99" in capsys.readouterr().out
    records = [f"smallest_99-seed{seed}.json" for seed in losses]
    assert written() == sorted([*records, "smallest_99.json", "smallest_99.safetensors"])
    assert read_record(ship.WEIGHTS / "smallest_99.json")["seed"] == 2


def test_under_another_name_no_records_are_kept(tmp_path, written):
    assert ship.main([write_run(tmp_path / "run"), "--name", "mine"]) == 0
    assert written() == ["mine.json", "mine.safetensors"]


@pytest.mark.parametrize("changes", [{"seed": 0}, {"seed": 1, "test_accuracy": None}])
def test_runs_that_cannot_be_ranked_together(changes, tmp_path, written, capsys):
    runs = [write_run(tmp_path / "first"), write_run(tmp_path / "second", **changes)]
    assert ship.main(runs) == 1 and not written()
    assert capsys.readouterr().err.startswith("Error: ")


@pytest.mark.parametrize("name", ["../evil", "a/b", ""])
def test_a_name_that_leaves_the_folder(name, tmp_path, written, capsys):
    assert ship.main([write_run(tmp_path / "run"), "--name", name]) == 1 and not written()
    message = f"Error: a name has letters, digits and _, unlike {name!r}; --name gives one\n"
    assert capsys.readouterr().err == message


def test_without_weights_nothing_is_written(tmp_path, written, capsys):
    run = write_run(tmp_path / "run")
    (tmp_path / "run" / "mnist_model.pth").unlink()
    assert ship.main([run]) == 1 and not written()
    assert "mnist_model.pth" in capsys.readouterr().err
