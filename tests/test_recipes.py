"Recipes: what they refuse, that they do not change, and how records hold them."

import copy
import math
import pickle
import re
from typing import get_args

import numpy as np
import pytest
import torch
from msgspec.structs import fields

from s6erav3.models.model import NORMS, POOLS, MNISTModel, count_parameters
from s6erav3.models.separable import SeparableModel
from s6erav3.models.weights import new_network
from s6erav3.training.loop import make_scheduler
from s6erav3.training.recipe import RECIPES, Recipe

REFUSED = [  # field, value, what the message says of the limit
    ("epochs", 0, "expected `int` >= 1"),
    ("epochs", 1.5, "expected `int`"),
    ("batch_size", True, "expected `int`"),
    ("batch_size", "128", "expected `int`"),
    ("learning_rate", -0.1, "expected `float` >= 0.0"),
    ("learning_rate", math.nan, "expected `float` >= 0.0"),
    ("learning_rate", math.inf, "expected `float` <= 1e+30"),
    ("momentum", 1, "expected `float` < 1.0"),
    ("muon_lr", None, "expected `float`"),
    ("schedule", "cosine", "expected one of plateau, one_cycle, constant"),
    ("rotation", 360.0, "expected `float` < 360.0"),
    ("shear", 90.0, "expected `float` < 90.0"),
    ("no_aug_epochs", -1, "expected `int` >= 0"),
    ("average_epochs", 0.5, "expected `int`"),
    ("channels", (8, 12, 8, 12, 16), "expected `array` of length 6"),
    ("channels", (8, None, 8, 12, 16, 20), "expected `int` - at `$[1]`"),
    ("channels", (8, 12, 8, 12, 16, 1_001), "expected `int` <= 1000 - at `$[5]`"),
    ("channels", 8, "expected `array`"),
    ("stages", [[8, 12], []], "expected `array` of length >= 1 - at `$[1]`"),
    ("stages", [[8, 0]], "expected `int` >= 1 - at `$[0][1]`"),
    ("stages", [[8]] * 5, "expected `array` of length <= 4"),
    ("stages", 8, "expected `array`"),
    ("stages", [7, 9], "expected `array` - at `$[0]`"),
    ("batch_size", 10**7, "expected `int` <= 1000000"),
    ("pool", "published", "expected one of avg3, global, none, weighted"),
    ("norm", ["none"], "expected one of post_act, pre_act, none"),
    ("teacher_width", 100, "expected `int` <= 99"),
]


@pytest.mark.parametrize("field, value, limit", REFUSED)
def test_the_message_names_field_limit_and_value(field, value, limit):
    for make in (lambda **values: Recipe("mine", **values), Recipe.best().replace):
        with pytest.raises(ValueError) as error:
            make(**{field: value})
        assert str(error.value) == f"{field}: {limit}, not {value!r}"


def test_a_network_can_be_made_of_every_choice():
    choices = {field.name: get_args(field.type) for field in fields(Recipe)}
    assert choices["pool"] == (*POOLS, "weighted") and choices["norm"] == NORMS


@pytest.mark.parametrize(
    "name", ["a/b", "a\\b", "a\nb", "\x1b[2J", "\ud800", "é" * 101, None, ["best"]]
)
def test_a_name_that_no_folder_can_have(name):
    with pytest.raises(ValueError, match="^name: expected ") as error:
        Recipe(name)
    assert str(error.value).isprintable()


def test_a_long_value_is_cut_off():
    with pytest.raises(ValueError) as error:
        Recipe("mine", channels=(1,) * 10_000)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("record", [{}, {"recipe_name": "a"}])
def test_a_record_without_a_recipe(record):
    with pytest.raises(ValueError, match="^a record without a recipe is not that of a run$"):
        Recipe.from_record(record)
    with pytest.raises(ValueError, match="^the record of recipe 'None' does not fit"):
        Recipe.from_record({"recipe": {"name": "a", "rate": 1}})


def test_the_rate_of_one_cycle_does_not_rise_in_a_single_step():
    recipe = Recipe("mine", epochs=2, schedule="one_cycle", pct_start=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    with pytest.raises(ValueError, match="^pct_start: 0.1 of 10 steps is a single one"):
        make_scheduler(optimizer, recipe, 5)
    assert make_scheduler(optimizer, recipe, 10).total_steps == 20


@pytest.mark.parametrize("n", [3, 4])
def test_an_average_leaves_epochs_in_which_the_rate_falls(n):
    with pytest.raises(ValueError, match=f"expected fewer than the 3 epochs of the run, not {n}"):
        Recipe("mine", epochs=3, average_epochs=n)
    assert Recipe("mine", epochs=3, average_epochs=2).average_epochs == 2


def test_two_kinds_of_average_are_one_too_many():
    with pytest.raises(ValueError, match="ema_decay and average_epochs"):
        Recipe("mine", ema_decay=0.9, average_epochs=2)


@pytest.mark.parametrize(
    "field, value",
    [
        ("dropout", 0.05),
        ("channels", (4, 5, 4, 6, 7, 9)),
        ("pool", "none"),
        ("norm", "pre_act"),
    ],
)
def test_a_separable_network_has_no_other_layout(field, value):
    fields = {"stages": [[8, 12], [12]], "dropout": 0.0}
    assert Recipe("mine", **fields).stages == ((8, 12), (12,))
    with pytest.raises(ValueError, match="^stages: .* dropout=0"):
        Recipe("mine", **fields | {field: value})


def test_only_a_separable_network_has_weighted_pooling():
    with pytest.raises(ValueError, match="^pool: .* give its stages$"):
        Recipe("mine", pool="weighted")
    recipe = Recipe("mine", stages=((6,), (9, 9), (10, 10)), dropout=0.0, pool="weighted")
    network = recipe.build()
    areas, weights = network.gap
    assert count_parameters(network) == 973 and weights.weight.shape == (10, 1, 3, 3)
    x = torch.rand(2, 10, 7, 7)
    with torch.no_grad():
        pooled = network.gap(x)
    torch.testing.assert_close(pooled, x[..., :6, :6].mean((2, 3), keepdim=True))
    assert Recipe.from_record({"recipe": recipe.to_record()}) == recipe


def test_a_separable_network_takes_the_mean_of_all_positions_unless_it_is_told_otherwise():
    for pool in ({}, {"pool": "global"}, {"pool": "avg3"}):
        network = Recipe("mine", stages=((6,), (9,)), dropout=0.0, **pool).build()
        assert network.pool == "global" and str(network.gap) == "AdaptiveAvgPool2d(output_size=1)"
    for pool in ("max", "none", None, ["weighted"], 3):
        message = re.escape(f"no pool {pool!r}; choose one of global, weighted")
        with pytest.raises(ValueError, match=message):
            new_network({"stages": [[6]], "pool": pool})


@pytest.mark.parametrize("stages", [(), ((8,), ()), ((4,),) * 5])
def test_a_separable_network_has_one_to_four_stages(stages):
    with pytest.raises(ValueError, match="^stages: expected one to four tuples of channels"):
        SeparableModel(stages)


@pytest.mark.parametrize(
    "n_stages, low, high", [(1, 27, 35), (2, 24, 31), (3, 24, 31), (4, 24, 31)]
)
def test_weighted_pooling_takes_images_of_about_28_pixels(n_stages, low, high):
    network = SeparableModel(((4,),) * n_stages, pool="weighted").eval()
    for size in (low, high):
        assert network(torch.zeros(2, 1, size, size)).shape == (2, 10)
    for size in (low - 1, high + 1):
        with pytest.raises(ValueError, match=f"of 28×28 pixels, not {size}×{size}"):
            network(torch.zeros(2, 1, size, size))


def test_a_recipe_builds_its_network():
    network = Recipe("mine", channels=(4, 5, None, 6, 7, 9), dropout=0.1, pool="none").build()
    assert isinstance(network, MNISTModel) and len(network.transition1) == 1
    assert network.conv3[-1].p == 0.1 and network.fc.in_features == 225
    separable = Recipe("mine", stages=((3, 4), (5,)), dropout=0.0).build()
    assert isinstance(separable, SeparableModel)
    expected = 27 + 6 + (27 + 12 + 8) + (36 + 20 + 10) + 60
    assert sum(p.numel() for p in separable.parameters()) == expected
    assert separable(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_fields_that_there_are_not():
    for make in (Recipe, Recipe.best().replace):
        with pytest.raises(TypeError, match="rate"):
            make(name="mine", rate=0.1)


def test_values_are_converted_to_the_types_of_their_fields():
    recipe = Recipe(
        "mine",
        epochs=np.int64(20),
        learning_rate=np.float32(1),
        rotation=8,
        channels=[1, 2, None, 3, 4, 5],
    )
    assert type(recipe.learning_rate) is float and type(recipe.rotation) is float
    assert recipe.channels == (1, 2, None, 3, 4, 5)
    assert hash(recipe) == hash(recipe.replace())


def test_a_recipe_cannot_be_changed():
    recipe = Recipe.best()
    with pytest.raises(AttributeError):
        recipe.epochs = 3
    assert recipe.replace(epochs=3).epochs == 3
    assert recipe == Recipe.best() and recipe.epochs == 120


@pytest.mark.parametrize("name", RECIPES)
def test_copies_and_records_are_equal_to_the_original(name):
    recipe = Recipe.named(name)
    assert recipe.name == name
    record = {"recipe_name": name, "recipe": recipe.to_record()}
    copies = [copy.deepcopy(recipe), pickle.loads(pickle.dumps(recipe)), Recipe.from_record(record)]
    assert {recipe, *copies} == {recipe}
    assert recipe != recipe.replace(name="other")


def test_records_keep_the_first_names_and_values():
    record = Recipe.best().to_record()
    earlier = {"muon", "elastic", "plain_epochs", "warmup", "ema", "teacher"}
    assert earlier <= record.keys() and "muon_lr" not in record
    assert (record["pool"], record["norm"]) == ("published", "after")
    first = {"name": "first", "muon": 0.02, "channels": [8, 12, 8, 12, 16, 20], "pool": "published"}
    expected = Recipe("first", muon_lr=0.02)
    assert Recipe.from_record({"recipe_name": "first", "recipe": first}) == expected


@pytest.mark.parametrize("field", [{"muon_lr": 0.1}, {"pool": []}, {"muon": -1}, {"a\nb": 1}])
def test_a_record_that_does_not_fit_is_refused_in_one_line(field):
    record = {"recipe_name": "odd", "recipe": {"name": "odd", **field}}
    with pytest.raises(ValueError, match="the record of recipe 'odd' does not fit") as error:
        Recipe.from_record(record)
    assert str(error.value).isprintable()
