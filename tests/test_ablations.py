"The recipes of the studies, and what the pages say of their records."

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import asdict
from scipy import stats

from s6erav3.ablations import (
    ABLATIONS,
    WIDTH_MULTIPLIERS,
    ablation,
    final_accuracies,
    get_recipes,
    paired_test,
    scaled_recipe,
)
from s6erav3.experiments import results_table
from s6erav3.models.model import MNISTModel, count_parameters
from s6erav3.models.weights import load_pretrained
from s6erav3.training.recipe import Recipe
from s6erav3.training.record import read_record, read_study

RATIO = 10_000 / 50_000  # images that judge a run of the ablation / images that it learns from
RESULTS = Path(__file__).resolve().parent.parent / "results"


@pytest.fixture(scope="module")
def tested() -> list[dict]:
    "The records of the runs that used the test set."
    return [read_record(path) for path in sorted(RESULTS.glob("*-seed*.json"))]


@pytest.fixture(scope="module")
def accuracy() -> pd.DataFrame:
    "The final validation accuracies of the ablation: steps in rows, seeds in columns."
    table = final_accuracies(read_study(RESULTS / "ablation.jsonl"))
    return table.rename(lambda name: name.removeprefix("ablation-")).loc[list(ABLATIONS)]


@pytest.fixture(scope="module")
def successful(accuracy) -> pd.DataFrame:
    "The same without the runs that failed."
    return accuracy.where(accuracy > 50)


@pytest.fixture(scope="module")
def steps(successful) -> pd.DataFrame:
    "The corrected test of each step against the one that it builds on."
    rows = {}
    for name, (parent, _) in ABLATIONS.items():
        if parent:
            rows[name] = paired_test(successful.loc[parent], successful.loc[name], RATIO)
    return pd.DataFrame(rows).T


def excludes_zero(steps: pd.DataFrame) -> set[str]:
    return set(steps.index[steps["low"] * steps["high"] > 0])


def test_a_step_changes_what_it_names_and_nothing_else():
    for name, (parent, changes) in ABLATIONS.items():
        if not parent:
            continue
        before = asdict(ablation(parent))
        after = asdict(ablation(name))
        assert {key for key in after if after[key] != before[key]} == {"name", *changes}, name
    assert ablation("norm").channels == Recipe.original().channels


def test_recipes_are_found_by_name():
    assert get_recipes("best") == [Recipe.best()]
    assert get_recipes("ablation-norm") == [ablation("norm")]
    assert get_recipes("frontier-6926") == [scaled_recipe(1)]
    assert len(get_recipes("ablation")) == len(ABLATIONS)
    assert len(get_recipes("frontier")) == len(WIDTH_MULTIPLIERS)
    with pytest.raises(ValueError, match="there is no recipe 'ablation-floor'"):
        get_recipes("ablation-floor")


def test_a_point_of_the_frontier_has_half_of_the_augmentation_of_the_step_muon():
    amounts = ("rotation", "scale", "translate", "shear", "elastic_std")
    start = asdict(ablation("muon"))
    half = {amount: start[amount] / 2 for amount in amounts}
    assert asdict(scaled_recipe(1)) == start | half | {"name": "frontier-6926"}


BEFORE = pd.Series([99.0, 99.2, 99.1, 98.9])
AFTER = pd.Series([99.1, 99.2, 99.4, 99.1])


def test_without_a_ratio_it_is_the_plain_paired_test():
    found = paired_test(BEFORE, AFTER, 0)
    expected = stats.ttest_rel(AFTER, BEFORE)
    assert found["pairs"] == 4 and np.isclose(found["gain"], 0.15)
    assert np.isclose(found["p"], expected.pvalue)
    assert np.allclose((found["low"], found["high"]), expected.confidence_interval(0.95))


def test_paired_test_agrees_with_its_formula():
    "Nadeau and Bengio (2003): the variance of the mean has the factor 1/n + n_test/n_train."
    found = paired_test(BEFORE, AFTER, 0.2)
    error = np.sqrt((AFTER - BEFORE).var() * (1 / 4 + 0.2))
    half_width = stats.t.ppf(0.975, df=3) * error
    assert np.isclose(found["gain"], 0.15)
    assert np.isclose(found["high"] - found["gain"], half_width)
    assert np.isclose(found["gain"] - found["low"], half_width)
    assert np.isclose(found["p"], 2 * stats.t.sf(0.15 / error, df=3))


def test_five_pairs_of_the_ablation_widen_the_interval_by_the_root_of_two():
    before, after = pd.Series([1.0, 2, 3, 4, 5]), pd.Series([2.0, 2, 5, 4, 6])
    plain, corrected = (paired_test(before, after, ratio) for ratio in (0, RATIO))
    widths = [found["high"] - found["low"] for found in (plain, corrected)]
    assert np.isclose(widths[1] / widths[0], np.sqrt(2))


def test_a_seed_that_one_side_lacks_makes_no_pair():
    "Pairs are found by seed, in whatever order; a failed run is nan."
    failed = AFTER.copy()
    failed[1] = np.nan
    shuffled = failed.iloc[[2, 0, 3, 1]]
    expected = paired_test(BEFORE.drop(1), AFTER.drop(1), 0.2)
    assert paired_test(BEFORE, shuffled, 0.2) == pytest.approx(expected)
    assert expected["pairs"] == 3
    with pytest.raises(ValueError, match="at least two pairs, not 1"):
        paired_test(BEFORE.iloc[:1], AFTER, 0.2)


def test_the_seed_alone_changes_the_accuracy(tested):
    original = [r["test_accuracy"] for r in tested if r["recipe_name"] == "original"]
    assert np.ptp(original) > 0.1


def test_which_runs_fail(accuracy, successful):
    failed = successful.isna().sum(axis=1)
    assert failed[failed > 0].to_dict() == {"bare-quick": 2, "average": 1}
    assert accuracy.loc["bare"].min() > 98


def test_which_steps_exclude_zero(steps):
    dropouts = {"cycle-dropout-5", "cycle-dropout-10"}
    assert excludes_zero(steps) == {"norm", "ema", *dropouts}
    assert len(steps) == 21
    assert 0.14 < np.median((steps["high"] - steps["low"]) / 2) < 0.15


def test_no_step_passes_both_corrections(steps):
    adjusted = pd.Series(stats.false_discovery_control(steps["p"]), index=steps.index)
    assert (adjusted > 0.05).all()
    smallest = {"cycle-dropout-5", "ema"}
    assert set(adjusted.index[adjusted < 0.12]) == smallest
    assert 0.112 < adjusted.min() < 0.114
    assert adjusted.drop([*smallest]).min() > 0.16
    assert steps.loc["norm", "pairs"] == 4


def test_which_steps_lie_within_the_margin(steps):
    within = steps["low"].gt(-0.05) & steps["high"].lt(0.05)
    assert within.index[within].tolist() == ["muon-global"]


def test_seeds_have_other_validation_sets_and_share_training_images():
    runs = read_study(RESULTS / "ablation.jsonl")
    assert all(run["fold"] == run["seed"] for run in runs)
    assert {(run["holdout"], run["train_size"]) for run in runs} == {(10_000, 50_000)}


def test_steps_of_the_network(accuracy, steps, successful):
    assert 0.35 < steps.loc["norm", "gain"] < 0.5
    assert (steps.loc[["norm", "ema"], "low"] > 0).all()
    assert (steps.loc[["transition", "average"], "low"] < -0.3).all()
    total = successful.loc["teacher"].mean() - successful.loc["bare"].mean()
    assert steps.loc[["norm", "schedule", "cycle"], "gain"].sum() > 0.8 * total
    parameters = {
        name: count_parameters(MNISTModel(recipe.channels, 0.0, recipe.pool, recipe.norm))
        for name, recipe in (("bare", ablation("bare")), ("average", ablation("average")))
    }
    assert 0.55 < parameters["average"] / parameters["bare"] < 0.61
    assert steps.loc["cycle", "gain"] < steps.loc["schedule", "gain"] < steps.loc["ema", "gain"]
    both = paired_test(successful.loc["norm"], successful.loc["cycle"], RATIO)
    assert steps.loc["ema", "gain"] < both["gain"] and both["low"] > 0
    assert (accuracy.loc["plateau"] == accuracy.loc["norm"]).sum() == 2


def test_dropout_hurts_with_every_seed(accuracy, steps):
    gains = steps["gain"]
    assert -0.18 < gains["cycle-dropout-10"] < -0.15
    assert 2.5 < gains["cycle-dropout-10"] / gains["cycle-dropout-5"] < 3.5
    assert (accuracy.loc["cycle-dropout-5"] < accuracy.loc["cycle"]).all()
    assert (accuracy.loc["cycle-dropout-10"] < accuracy.loc["cycle"]).all()


def test_the_points_of_the_frontier():
    table = final_accuracies(read_study(RESULTS / "frontier.jsonl"))
    table.index = table.index.str.removeprefix("frontier-").astype(int)
    means = table.sort_index().mean(axis=1)
    errors = 100 - means
    assert means.is_monotonic_increasing and table.shape == (8, 5)
    assert errors[1_071] < 0.5 * errors[533]
    assert 0.8 < errors[13_148] / errors[6_926] < 0.9
    for recipe, n in zip(get_recipes("frontier"), means.index):
        assert count_parameters(MNISTModel(recipe.channels)) == n


def test_10_000_images_add_an_uncertainty():
    assert round(196 * np.sqrt(0.005 * 0.995 / 10_000), 2) == 0.14


def test_small_networks_gain_from_more_epochs():
    searched = final_accuracies(read_study(RESULTS / "search.jsonl"))
    frontier = final_accuracies(read_study(RESULTS / "frontier.jsonl"))
    longer = searched.loc["narrow-1860"].mean()
    assert longer > frontier.loc["frontier-1860"].mean() + 0.15


def test_test_accuracies_exceed_validation_accuracies(tested):
    chosen = [r for r in tested if not r["recipe_name"].startswith("smallest")]
    searched = read_study(RESULTS / "search.jsonl")
    validated = [r for r in tested + searched if r["holdout"] == 5_000]
    for name in ("best", "fast"):
        validated += read_study(RESULTS / f"candidates/{name}.jsonl")
    board = results_table(chosen, validated)
    assert set(board.index) == {"best", "fast", "original"}
    excess = board["mean"] - board["validation, last epoch"]
    assert (excess.round(2) >= 0.03).all() and (excess[["fast", "original"]].round(2) >= 0.07).all()


def test_the_interval_of_a_mean_is_that_of_a_t_test(tested):
    accuracies = [r["test_accuracy"] for r in tested if r["recipe_name"] == "original"]
    expected = stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)
    row = results_table(tested, []).loc["original"]
    assert np.allclose((row["low"], row["high"]), expected)


def test_the_quoted_means(tested):
    board = results_table(tested, [])
    mean = board["mean"]
    assert 99.53 < mean["best"] < 99.54 and board.loc["best", "seeds"] == 10
    assert mean["fast"] > 99.40 and mean["original"] < 99.42
    assert 99.03 < mean["smallest_99"] < 99.05 and board.loc["smallest_99", "seeds"] == 10
    assert board.loc["smallest_99", "low"] < 99.0
    assert board.loc["smallest_994", "low"] > 99.4 and board.loc["smallest_994", "seeds"] == 10
    for name, limit in (("smallest_994", 3_000), ("smallest_99", 1_000)):
        assert count_parameters(load_pretrained(name)) < limit


def test_muon_lowers_the_loss_of_short_runs():
    losses = {}
    for record in read_study(RESULTS / "search.jsonl"):
        loss = record["history"][-1]["validation_loss"]
        losses.setdefault(record["recipe_name"], []).append(loss)
    means = {name: np.mean(values) for name, values in losses.items()}
    assert means["short-muon"] < means["short"] and means["short-muon-64"] < means["short"]
    assert means["four-all"] < min(means["four-half"], means["four-sgd"])


def test_four_epochs_judged_by_all_images():
    table = final_accuracies(read_study(RESULTS / "search.jsonl"))
    four = table.loc[["four-all", "four-half", "four-sgd"]].dropna(axis=1)
    assert four.shape == (3, 3) and np.ptp(four.mean(axis=1)) < 0.03
    records = [r for r in read_study(RESULTS / "search.jsonl") if r["recipe_name"] == "four-all"]
    for record in records:
        batches = {"batch_size": 64, "learning_rate": 0.2}
        assert Recipe.from_record(record) == Recipe.fast().replace(name="four-all", **batches)


def kinds_of_students() -> pd.DataFrame:
    "Students, mean accuracy and mean loss by what a student has that differs from most."
    lines = (RESULTS / "distillation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = pd.DataFrame([json.loads(line) for line in lines[1:]])
    outcome = ["round", "epoch", "validation_loss", "validation_accuracy"]
    students = rows[rows["epoch"] == 20].drop_duplicates(list(rows.columns.drop(outcome)))
    choices = students.drop(columns=[*outcome, "fold", "seed"])
    usual = choices.mode().iloc[0]
    changes = []
    for _, student in choices.iterrows():
        differing = student[student != usual]
        changes.append(", ".join(f"{name} {value}" for name, value in differing.items()))
    return students.groupby(np.array(changes)).agg(
        n=("fold", "size"),
        accuracy=("validation_accuracy", "mean"),
        loss=("validation_loss", "mean"),
    )


def test_a_teacher_helps_and_none_is_better_than_that_of_best():
    kinds = kinds_of_students()
    alike = kinds.loc[""]
    assert alike["n"] == 2 and kinds["n"].sum() == 48
    assert 0.05 < alike["accuracy"] - kinds.loc["weight 0.0", "accuracy"] < 0.15
    assert (kinds["accuracy"] < alike["accuracy"] + 0.03).all()
    assert kinds["loss"].idxmax() == "weight 0.0"
