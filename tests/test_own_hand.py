"Digits of one's own: from labelled pictures to a fine-tuned copy of a network."

import numpy as np
import pytest
import torch
from PIL import Image

from s6erav3 import load_pretrained
from s6erav3.data.mnist import Digits, load_sklearn_digits
from s6erav3.inference import predict_digits
from s6erav3.pictures.own_hand import FINE_TUNING, STROKES, Hand, draw_row, fine_tune, own_digits

DIGITS = "0123456789"


def rows(n: int, seed: int, hand: Hand = Hand()) -> list[tuple]:
    "Rows of all ten digits, with their labels."
    rng = np.random.default_rng(seed)
    return [(draw_row(DIGITS, hand, rng), DIGITS) for _ in range(n)]


def test_rows_become_labelled_images_in_the_form_of_mnist(tmp_path):
    drawn = rows(3, seed=0)
    drawn[1][0].save(tmp_path / "row.jpg", quality=80)
    found = own_digits(
        [drawn[0], (tmp_path / "row.jpg", DIGITS), (np.asarray(drawn[2][0]), DIGITS)]
    )
    assert found.images.shape == (30, 1, 28, 28) and found.images.dtype == torch.uint8
    assert found.labels.tolist() == 3 * list(range(10))
    assert (found.images.amax(dim=(1, 2, 3)) == 255).all()


def test_a_hand_varies_and_is_repeated_by_its_seed():
    assert sorted(STROKES) == list(range(10))
    first, second = (own_digits(rows(2, seed=1)).images for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[:10], first[10:])


@pytest.mark.parametrize(
    "pairs, words",
    [
        ([], "there is no picture"),
        ([(rows(1, 0)[0][0], "012345678")], "picture 1 has 10 digits, and its text names 9"),
        ([rows(1, 0)[0], (rows(1, 0)[0][0], "seven")], "the text of picture 2 is 'seven'"),
        ([(rows(1, 0)[0][0], "01234567²9")], "write its digits"),
        ([(rows(1, 0)[0][0], "")], "write its digits"),
        ([(Image.new("L", (200, 100), 200), "7")], "picture"),
    ],
)
def test_what_does_not_fit_is_said(pairs, words):
    with pytest.raises(ValueError) as raised:
        own_digits(pairs)
    message = str(raised.value)
    assert words in message and "\n" not in message


def test_a_copy_learns_the_hand_and_the_network_stays():
    model = load_pretrained("held_out").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    own, other = own_digits(rows(2, seed=5)), own_digits(rows(5, seed=6))
    known = load_sklearn_digits()
    tuned = fine_tune(model, own, known, FINE_TUNING.replace(learning_rate=0.05))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    accuracy = [predict_digits(network, other).correct.mean() for network in (model, tuned)]
    assert accuracy[1] > accuracy[0] + 0.04 and accuracy[1] > 0.95


def test_the_seed_decides_the_result():
    model = load_pretrained("held_out")
    own = Digits(*(part[:10] for part in own_digits(rows(1, seed=5))))
    recipe = FINE_TUNING.replace(epochs=1, learning_rate=0.5)
    weights = [
        fine_tune(model, own, None, recipe, seed, copies=2).fc.weight.detach() for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
