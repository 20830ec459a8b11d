"The times of the candidates for `fast`: which commands are timed, and in which order."

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import fast_times
from s6erav3.cli import _adapted
from s6erav3.training.recipe import Recipe


def test_the_command_trains_the_candidate():
    for recipe in fast_times.PROTOCOLS["fast"].recipes():
        arguments = fast_times.arguments_of(recipe)
        assert arguments[:2] == ["--recipe", "fast"]
        options = dict.fromkeys(("--epochs", "--set"), ())
        for name, value in zip(arguments[2::2], arguments[3::2]):
            options[name] += (value,)
        epochs = next(map(int, options["--epochs"]), None)
        adapted = _adapted(Recipe.fast(), epochs, 0, options["--set"])
        assert adapted.replace(name=recipe.name) == recipe


def test_the_candidates_take_turns(monkeypatch, capsys):
    times = iter([30.04, 20, 31, 21])
    monkeypatch.setattr(fast_times, "seconds_of", lambda recipe: next(times))
    recipes = [Recipe("slow"), Recipe("quick")]
    seconds = fast_times.time_in_turn(recipes, 2)
    assert seconds == {"slow": [30.0, 31], "quick": [20, 21]}
    assert capsys.readouterr().out.splitlines()[-1] == "round 2: quick 21 s"


def test_a_command_that_fails_is_an_error(monkeypatch, tmp_path, capsys):
    def fail(recipe):
        raise subprocess.CalledProcessError(1, ["s6erav3", "train"])

    monkeypatch.setattr(fast_times, "seconds_of", fail)
    monkeypatch.setattr(fast_times, "OUTPUT", tmp_path / "times.json")
    assert fast_times.main(["--rounds", "1"]) == 1
    assert "returned non-zero exit status 1" in capsys.readouterr().err
    assert not (tmp_path / "times.json").exists()
