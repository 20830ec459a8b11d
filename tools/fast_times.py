"""Time the candidates for `fast`, on a quiet machine: `python tools/fast_times.py`.

Those that results/PROTOCOL.md admits are trained in turn, five times each, by `s6erav3 train` on
all 60,000 images, with an empty cache of the compiler. What it says of the test set is not read.
The seconds from the start of the process to its end go into results/candidates/fast_times.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from msgspec.structs import asdict

from candidates import PROTOCOLS, RECORDS, admitted
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import environment, read_study

OUTPUT = RECORDS / "fast_times.json"
ROUNDS = 5


def arguments_of(recipe: Recipe) -> list[str]:
    "The options of `s6erav3 train` that change `fast` into `recipe`."
    fast = asdict(Recipe.fast())
    changed = {name: value for name, value in asdict(recipe).items() if value != fast[name]}
    del changed["name"]
    epochs = ["--epochs", str(changed.pop("epochs"))] if "epochs" in changed else []
    settings = [part for name, value in changed.items() for part in ("--set", f"{name}={value}")]
    return ["--recipe", "fast", *epochs, *settings]


def seconds_of(recipe: Recipe) -> float:
    "How long the command takes; `CalledProcessError` if it fails."
    with tempfile.TemporaryDirectory() as folder:
        variables = os.environ | {"TORCHINDUCTOR_CACHE_DIR": folder}
        command = [sys.executable, "-m", "s6erav3", "train", *arguments_of(recipe)]
        command += ["--val-size", "0", "--output-dir", folder]
        start = time.perf_counter()
        subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def time_in_turn(recipes: list[Recipe], rounds: int) -> dict[str, list[float]]:
    "The seconds of each recipe, one for each round."
    seconds: dict[str, list[float]] = {recipe.name: [] for recipe in recipes}
    for number in range(1, rounds + 1):
        for recipe in recipes:
            seconds[recipe.name].append(round(seconds_of(recipe), 1))
            print(f"round {number}: {recipe.name} {seconds[recipe.name][-1]} s", flush=True)
    return seconds


def main(arguments: list[str] | None = None) -> int:
    "Time those that are admitted; the exit status."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="default: 5")
    args = parser.parse_args(arguments)
    recipes = PROTOCOLS["fast"].recipes()
    try:
        names = admitted(recipes, read_study(RECORDS / "fast.jsonl"))
        seconds = time_in_turn([recipe for recipe in recipes if recipe.name in names], args.rounds)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    machine = {name: environment()[name] for name in ("processor", "threads", "torch")}
    text = json.dumps({"machine": machine, "seconds": seconds}, indent=1) + "\n"
    OUTPUT.write_text(text, encoding="utf-8")
    medians = {name: statistics.median(own) for name, own in seconds.items()}
    print(f"chosen: {min(medians, key=medians.get)}; medians in seconds: {medians}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
