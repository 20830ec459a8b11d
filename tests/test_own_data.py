"Training with images, labels and networks of one's own: what is accepted, and what is refused."

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from s6erav3.inference import evaluate
from s6erav3.models.model import MNISTModel
from s6erav3.models.weights import load_pretrained
from s6erav3.training.inputs import as_dataset
from s6erav3.training.recipe import Recipe
from s6erav3.training.trainer import fit

RECIPE = Recipe("own", epochs=2, schedule="one_cycle", batch_size=16, rotation=0.0)
N = 48


def images_of(n=N, channels=1, size=8):
    "Images whose class is seen at once: one of four quarters is bright."
    labels = torch.arange(n) % 4
    images = torch.zeros(n, channels, size, size)
    half = size // 2
    for image, label in zip(images, labels.tolist()):
        top, left = divmod(label, 2)
        image[:, half * top : half * (top + 1), half * left : half * (left + 1)] = 1
    return images, labels


def network(channels=1, n_classes=4):
    torch.manual_seed(0)
    convolution = nn.Conv2d(channels, 8, 3)
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(288, n_classes))


def train(data, valid=None, model=None, recipe=RECIPE, **options):
    "The history of a short run."
    return fit(model or network(), recipe, data, valid, verbose=False, **options)


IMAGES, LABELS = images_of()
BYTES = (255 * IMAGES).to(torch.uint8)
LOADER = DataLoader(TensorDataset(IMAGES, LABELS), batch_size=10)
ACCEPTED = {
    "tensors": (IMAGES, LABELS),
    "int32 labels": (IMAGES, LABELS.to(torch.int32)),
    "labels as bytes": (IMAGES, LABELS.to(torch.uint8)),
    "labels as floats": (IMAGES, LABELS.double()),
    "labels as a column": (IMAGES, LABELS[:, None]),
    "labels as a list": (IMAGES, LABELS.tolist()),
    "arrays": (IMAGES.numpy(), LABELS.numpy()),
    "arrays of float64": (IMAGES.double().numpy(), LABELS.numpy().astype(np.int16)),
    "no channel": (IMAGES[:, 0].numpy(), LABELS.numpy()),
    "channels last": (IMAGES.movedim(1, 3).numpy(), LABELS.numpy()),
    "a read-only array": (np.broadcast_to(IMAGES.numpy(), IMAGES.shape), LABELS),
    "a list of two": [IMAGES, LABELS],
    "a data set": TensorDataset(IMAGES, LABELS),
    "a loader": LOADER,
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_same_data_in_another_form_give_the_same_run(case):
    expected = train((IMAGES, LABELS), (IMAGES, LABELS))
    history = train(ACCEPTED[case], ACCEPTED[case])
    for row, wanted in zip(history, expected, strict=True):
        assert row["train_loss"] == wanted["train_loss"]
    assert history[-1]["validation_accuracy"] == expected[-1]["validation_accuracy"] > 90


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint16, np.int8])
def test_whole_numbers_are_bytes(dtype):
    top = 127 if dtype == np.int8 else 255
    images, _ = as_dataset(((top * IMAGES).numpy().astype(dtype), LABELS), "train")
    assert images.dtype == torch.uint8 and images.max() == top


def colour_nan():
    images = IMAGES.clone()
    images[3, 0, 2, 2] = torch.nan
    return images


ONE_HOT = nn.functional.one_hot(LABELS)
REFUSED = {
    "labels 1 to 4": (
        (IMAGES, LABELS + 1),
        "run from 1 to 4, but the model has 4 outputs.*subtract 1",
    ),
    "labels -1 to 2": ((IMAGES, LABELS - 1), "run from -1 to 2.*number the classes from 0"),
    "label 7": ((IMAGES, LABELS * 7), "run from 0 to 21.*number the classes from 0"),
    "one-hot": ((IMAGES, ONE_HOT), r"class numbers, not of shape \(48, 4\); labels.argmax"),
    "halves": ((IMAGES, LABELS / 2), "the labels are not whole numbers"),
    "names": ((IMAGES, ["cat"] * N), "the labels are not numbers"),
    "one label missing": ((IMAGES, LABELS[1:]), "there are 48 images and 47 labels"),
    "nothing": ((IMAGES[:0], LABELS[:0]), "there are 0 images and 0 labels"),
    "no labels": (IMAGES, "train is a pair, images and labels, .* not a Tensor"),
    "a path": ("images.npz", "train is a pair, images and labels, .* not a str"),
    "None": (None, "train is a pair, images and labels, .* not a NoneType"),
    "three": ((IMAGES, LABELS, LABELS), "train is a pair"),
    "not finite": ((colour_nan(), LABELS), "hold what is not a finite number"),
    "large numbers": (
        (IMAGES.long() * 1000, LABELS),
        "bytes from 0 to 255 or floats, not torch.int64",
    ),
    "complex": ((IMAGES.to(torch.complex64), LABELS), "bytes from 0 to 255 or floats"),
    "bool": ((IMAGES.bool(), LABELS), "bytes from 0 to 255 or floats, not torch.bool"),
    "texts as images": ((["a"] * N, LABELS), "the images are not numbers"),
    "ragged": (([[1], [1, 2]], LABELS), "the images are not numbers"),
    "rows of pixels": ((IMAGES.flatten(1), LABELS), r"have the shape \(48, 64\); give \(n, height"),
    "a loader without labels": (DataLoader(IMAGES), "the loader must give images"),
    "images of other size": (images_of(size=10), "the model fails on images of 1 × 10 × 10: "),
    "colour": (images_of(channels=3), "the model fails on images of 3 × 8 × 8: "),
}


@pytest.mark.parametrize("argument", ["train", "valid"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(case, argument):
    data, message = REFUSED[case]
    if argument == "valid" and case == "None":
        return  # a run may lack a validation set
    if argument == "valid" and message.startswith("the model fails"):
        message = "valid: its images have the shape"
    good = (IMAGES, LABELS)
    arguments = {"train": good, "valid": good, argument: data}
    with pytest.raises(ValueError, match=message.replace("train", argument)) as error:
        fit(network(), RECIPE, **arguments, verbose=False)
    text = str(error.value)
    assert "\n" not in text and "--" not in text
    assert text.startswith((argument, "the model fails"))


def test_the_name_of_a_recipe_is_none():
    with pytest.raises(ValueError, match="^recipe: expected a Recipe, .* not 'fast'$"):
        train((IMAGES, LABELS), recipe="fast")


def test_a_missing_validation_set_is_named_as_an_argument():
    with pytest.raises(
        ValueError, match="^valid: the schedule of recipe 'original' needs"
    ) as error:
        fit(MNISTModel(), Recipe.original(), (BYTES, LABELS), verbose=False)
    assert "--" not in str(error.value)
    assert train((IMAGES, LABELS))[-1]["validation_accuracy"] is None


BAD_MODELS = {
    "a map": (nn.Conv2d(1, 4, 3), r"logits of shape \(n, classes\), not \(2, 4, 6, 6\)"),
    "frozen": (network().requires_grad_(False), "^model: it has no parameter that can be trained"),
    "no tensor": (nn.LSTM(8, 4), "the model fails on images of 1 × 8 × 8|not tuple"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_a_network_that_is_no_classifier_is_refused(case):
    model, message = BAD_MODELS[case]
    with pytest.raises(ValueError, match=message):
        train((IMAGES, LABELS), model=model)


def test_a_teacher_with_another_number_of_classes_is_refused():
    recipe = RECIPE.replace(teacher_width=2)
    with pytest.raises(ValueError, match="teacher: it has 3 outputs, but the model has 4"):
        train((IMAGES, LABELS), recipe=recipe, teacher=network(n_classes=3))


def test_colour_images_with_mean_and_standard_deviation_of_their_own():
    images, labels = images_of(channels=3)
    mean, std = (0.5, 0.25, 0.1), (0.5, 0.4, 0.3)
    normalised = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    by_hand = train((normalised, labels), (normalised, labels), network(3))
    pair = (255 * images).to(torch.uint8), labels
    history = train(pair, pair, network(3), mean=mean, std=std)
    for key in ("train_loss", "validation_loss"):
        assert np.isclose(history[-1][key], by_hand[-1][key], rtol=1e-4)


BAD_OPTIONS = {
    "no std": ({"mean": 0.5}, "mean and std belong together"),
    "zero": ({"mean": 0.5, "std": 0.0}, "std: a standard deviation is larger than 0"),
    "three": ({"mean": (0, 0, 0), "std": (1, 1, 1)}, "mean and std have 3 numbers for 1 channels"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_means_that_do_not_fit(case):
    options, message = BAD_OPTIONS[case]
    with pytest.raises(ValueError, match=message):
        train((BYTES, LABELS), **options)


def test_an_augmentation_of_ones_own_is_drawn_in_every_epoch_but_the_last():
    seen = []

    def flip(x):
        assert 0 <= x.min() and x.max() <= 1
        seen.append(len(x))
        return x.flip(3)

    recipe = RECIPE.replace(epochs=3, no_aug_epochs=1)
    train((BYTES, LABELS), (BYTES, LABELS), recipe=recipe, augment=flip)
    assert sum(seen) == 2 * N


def test_bytes_beside_floats_are_refused():
    "They would be normalised in different ways, unless mean and std are given."
    floats, as_bytes = (IMAGES, LABELS), (BYTES, LABELS)
    for data, valid in [(as_bytes, floats), (floats, as_bytes)]:
        with pytest.raises(ValueError, match="^valid: its images are torch.*, those of train torc"):
            train(data, valid)
        assert train(data, valid, mean=0.25, std=0.4)[-1]["validation_accuracy"] == 100


def test_bytes_are_normalised_alike_with_and_without_an_augmentation():
    plain = train((BYTES, LABELS), (BYTES, LABELS))
    same = train((BYTES, LABELS), (BYTES, LABELS), augment=lambda x: x)
    for key in ("train_loss", "validation_loss"):
        assert np.isclose(plain[-1][key], same[-1][key], rtol=1e-4)


def test_a_loss_and_an_optimiser_of_ones_own():
    made = []

    def adam(model):
        made.append(torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1))
        return made[0]

    smoothed = nn.CrossEntropyLoss(label_smoothing=0.5)
    history = train((IMAGES, LABELS), (IMAGES, LABELS), loss=smoothed, optimizer=adam)
    floor = 0.8
    assert made[0].state and history[-1]["train_loss"] > floor
    assert history[-1]["validation_accuracy"] > 90
    with pytest.raises(ValueError, match="loss: a run with a teacher"):
        train((IMAGES, LABELS), loss=smoothed, teacher=network())


def test_the_published_network_with_other_channels_and_classes():
    images, labels = images_of(channels=3, size=28)
    model = MNISTModel(in_channels=3, num_classes=4)
    history = train((images, labels), (images, labels), model)
    assert model(images).shape == (N, 4) and history[-1]["validation_accuracy"] > 90


@pytest.mark.parametrize("size", [(32, 32), (19, 28), (28, 40)], ids=str)
def test_images_that_the_published_network_does_not_take(size):
    message = f"takes images of 28×28 pixels, not {size[0]}×{size[1]}; resize them"
    with pytest.raises(ValueError, match=message):
        MNISTModel()(torch.zeros(2, 1, *size))
    images = torch.zeros(N, 1, *size)
    with pytest.raises(ValueError, match=f"the model fails on images of .*{message}"):
        train((images, LABELS), model=MNISTModel(num_classes=4))


def test_colour_images_that_the_published_network_does_not_take():
    with pytest.raises(ValueError, match="the model fails on images of 3 × 28 × 28: .*1 channels"):
        train(images_of(channels=3, size=28), model=MNISTModel(num_classes=4))


FOREIGN = {
    "channels": (4, 5, 4, 6, 7, 9),
    "pool": "global",
    "norm": "pre_act",
    "dropout": 0.3,
}


@pytest.mark.parametrize("field", FOREIGN)
def test_fields_that_a_foreign_network_cannot_use_are_refused(field):
    changed = RECIPE.replace(**{field: FOREIGN[field]})
    with pytest.raises(ValueError, match=rf"recipe 'own' asks for {field}=.*pass recipe.build\(\)"):
        train((IMAGES, LABELS), recipe=changed)
    stages = Recipe("own", dropout=0.0, stages=((4,), (8,)))
    with pytest.raises(ValueError, match="recipe 'own' asks for stages=.* pool=avg3"):
        train((IMAGES, LABELS), recipe=stages)
    assert train((IMAGES, LABELS), recipe=RECIPE.replace(dropout=0.0))


def test_the_widths_of_a_recipe_are_not_ignored_by_the_published_network():
    images, labels = images_of(size=28)
    narrow = RECIPE.replace(channels=(4, 5, 4, 6, 7, 9), epochs=1)
    with pytest.raises(ValueError, match="asks for channels="):
        train((images, labels), model=MNISTModel(num_classes=4), recipe=narrow)
    assert train((images, labels), model=narrow.build(num_classes=4), recipe=narrow)


def test_larger_images_with_global_pooling():
    assert MNISTModel(pool="global")(torch.zeros(2, 1, 64, 40)).shape == (2, 10)


# Short runs


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_network_with_batch_norm_is_evaluated_well_after_few_steps(epochs):
    "Cold running statistics would make evaluation differ from training."
    torch.manual_seed(0)
    images, labels = images_of(n=320, size=28)
    model = MNISTModel(num_classes=4, dropout=0.0)
    recipe = RECIPE.replace(epochs=epochs, batch_size=32)
    history = train((images, labels), (images, labels), model, recipe)
    assert history[-1]["validation_accuracy"] > 90
    with torch.no_grad():
        in_training = model.train()(images).argmax(1)
        in_evaluation = model.eval()(images).argmax(1)
    assert (in_training == in_evaluation).float().mean() > 0.95


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_predictions_are_for_bytes_or_floats(dtype):
    with pytest.raises(ValueError, match=f"normalised floats, not {dtype}"):
        evaluate(load_pretrained(), (IMAGES.to(dtype), LABELS))
