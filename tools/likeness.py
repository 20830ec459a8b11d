"""Train the network that tells digits from other things: `python tools/likeness.py`.

It learns from MNIST's training images, and from digits and other shapes that tests/handwriting.py
draws with the tuning seed. It never sees MNIST's validation or test set, the report seed, or the
shapes named in `handwriting.UNSEEN`. The weights go to s6erav3/pictures/likeness.safetensors.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

from s6erav3.data.augment import Augmentation, augment, normalize, to_float
from s6erav3.data.mnist import load_splits
from s6erav3.models.weights import save_weights
from s6erav3.pictures.likeness import EUROPEAN_ONE, NOTHING, SLASHED_ZERO, build_network
from s6erav3.pictures.predict import to_mnist

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import handwriting  # noqa: E402

SEED = 100  # of everything that is drawn here
HEIGHT = 110  # pixels, at which shapes are drawn
N_MNIST, N_DIGITS, N_FORMS, N_OTHERS = 25_000, 12_000, 5_000, 42_000
EPOCHS, BATCH, LR = 7, 256, 0.01
AUGMENTATION = Augmentation(rotation=8, scale=0.06, translate=0.04, shear=8)
FONTS = tuple(name for name in handwriting.FONTS if name.startswith("DejaVu"))
LETTERS = "BDGQ"  # like digits, but printed ones can be told from printed digits
GREEK = "ΓΔΛΞΠΣΦΨΩαβγηκλμπρτυχψω"
CYRILLIC = "ДЖИЙЛПУФЦШЩЫЮЯдежийклмнптуфцшщъыюя"
SIGNS = "#$%@*+=<>?€£¥§¶†‡©«»√∞∂∀∃∆∇∈∋∏∑∠∧∨∩∪≈≠≡≤≥⊂⊃⊕⊗⊢⊥◇△▽▷◁□"
GLYPHS = 3 * LETTERS + GREEK + CYRILLIC + SIGNS


def to_image(ink, generator) -> np.ndarray:
    "Ink as the pipeline gives it to a network: a mask with a rough edge, in MNIST's form."
    rough = ink + ndimage.gaussian_filter(generator.normal(0, 0.5, ink.shape), 1)
    return to_mnist(np.pad(rough, 2) > generator.uniform(0.35, 0.65))


def drawn(strokes, generator, low=0.025, high=0.17) -> np.ndarray:
    "Strokes as ink, by any pen."
    return handwriting.draw_strokes(strokes, HEIGHT, generator.uniform(low, high))


def digit_ink(digit, generator) -> np.ndarray:
    "A digit, by hand or printed, sometimes with gaps."
    if generator.random() < 0.12:
        return handwriting.font_letter(str(digit), HEIGHT, generator)
    hand = handwriting.Hand(generator, generator.uniform(0.01, 0.035))
    strokes = hand.written(
        hand.crossed_seven() if digit == 7 and hand.chance(0.3) else hand.digit(digit)
    )
    if hand.chance(0.1):
        return drawn(handwriting.with_gaps(strokes, generator), generator, 0.03, 0.08)
    return drawn(strokes, generator)


def form_ink(form, generator) -> np.ndarray:
    "A 1 with an upstroke or a slashed 0."
    hand = handwriting.Hand(generator, generator.uniform(0.01, 0.03))
    return drawn(hand.written(getattr(hand, form)()), generator)


def printed(letters, fonts, generator) -> np.ndarray:
    "One of some letters."
    letter = letters[generator.integers(len(letters))]
    return handwriting.font_letter(letter, HEIGHT, generator, fonts)


def glyph_ink(generator) -> np.ndarray:
    "A letter or a sign that no other shape is like."
    return printed(GLYPHS, FONTS, generator)


def outline_ink(generator) -> np.ndarray:
    "A closed line with dents, which no 0 has; not with two, which an 8 has."
    hand = handwriting.Hand(generator, generator.uniform(0.01, 0.03))
    n = generator.integers(6, 12)
    angles = 2 * np.pi * (np.arange(n) + generator.uniform(-0.2, 0.2, n)) / n
    dents = generator.permutation(n) < generator.choice((1, 3, 4))
    radii = np.where(dents, 0.15, 0.5) * generator.uniform(0.8, 1.2, n)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    make = handwriting.line if hand.chance(0.4) else handwriting.curve
    return drawn(hand.written([make(*points, points[0])]), generator)


def shape_ink(generator) -> np.ndarray:
    "A shape or a letter."
    names = [name for name in handwriting.SHAPES if name not in handwriting.UNSEEN]
    hand = handwriting.Hand(generator, generator.uniform(0.01, 0.04))
    if hand.chance(0.3):
        return printed(handwriting.LETTERS, handwriting.FONTS, generator)
    strokes = handwriting.SHAPES[names[generator.integers(len(names))]](hand)
    return drawn(hand.written(strokes), generator)


def random_strokes(generator) -> np.ndarray:
    "One to four lines or bows at random."
    hand = handwriting.Hand(generator)
    strokes = []
    for _ in range(generator.integers(2, 5)):  # a single one may look like a 1
        points = generator.uniform(0, 1, (generator.integers(2, 7), 2))
        strokes.append(
            handwriting.curve(*points) if hand.chance(0.6) else handwriting.line(*points)
        )
    return drawn(strokes, generator)


def free_columns(left, right) -> int:
    "By how many columns two inks of the same height can overlap before they touch."
    both = [(a, b) for a, b in zip(left > 0.5, right > 0.5) if a.any() and b.any()]
    free = [a[::-1].argmax() + b.argmax() for a, b in both]
    return int(min(free, default=0))


def two_digits(generator) -> np.ndarray:
    "Two digits side by side that touch or nearly do."
    left, right = (digit_ink(generator.integers(10), generator) for _ in range(2))
    height = max(len(left), len(right))
    left, right = (np.pad(ink, ((height - len(ink), 0), (0, 0))) for ink in (left, right))
    overlap = round(generator.uniform(-0.05, 0.15) * height)
    if generator.random() < 0.5:  # closer, until the ink meets
        overlap = free_columns(left, right) + round(generator.uniform(-0.03, 0.05) * height)
    overlap = min(overlap, left.shape[1] - 1, right.shape[1] - 1)
    page = np.zeros((height, left.shape[1] + right.shape[1] - overlap))
    page[:, : left.shape[1]] = left
    start = page.shape[1] - right.shape[1]
    page[:, start:] = np.maximum(page[:, start:], right)
    return page


def damaged_digit(generator) -> np.ndarray:
    "A digit with a line across it or below it, in a box, cut off, or beside an edge."
    kind = generator.integers(5)
    digits = (0, 2, 3, 5) if kind in (2, 3) else range(10)  # half an 8 looks like a 0
    ink = digit_ink(generator.choice(digits), generator)
    height = len(ink)
    page = np.pad(ink, round(0.15 * height))
    rows, columns = page.shape
    pen = max(2, round(generator.uniform(0.03, 0.15) * height))
    if kind == 0:
        page[-pen:] = 1
    elif kind == 1:
        page[:pen] = page[-pen:] = page[:, :pen] = page[:, -pen:] = 1
    elif kind == 2:
        start = generator.integers(0, columns // 2)
        page = page[:, start : start + round(0.45 * columns)]
    elif kind == 3:
        page = page[: round(generator.uniform(0.35, 0.5) * rows)]
    else:
        page[:, : 2 * pen] = 1
    return page if (page > 0.6).sum() > 40 else np.ones((HEIGHT, HEIGHT // 2))


def blob(generator) -> np.ndarray:
    "A filled patch, a bar, or noise."
    noise = generator.normal(0, 1, (HEIGHT, round(HEIGHT * generator.uniform(0.4, 1.6))))
    smooth = ndimage.gaussian_filter(noise, generator.uniform(1.5, 14))
    if generator.random() < 0.3:
        flat = generator.random() < 0.5  # a tall bar may look like a 1
        other = round(HEIGHT * generator.uniform(0.1 if flat else 0.5, 1))
        return np.ones((other, HEIGHT) if flat else (HEIGHT, other))
    patch = (smooth > np.quantile(smooth, generator.uniform(0.5, 0.9))).astype(float)
    if generator.random() < 0.5:
        labels, _ = ndimage.label(patch)
        patch = (labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])).astype(float)
    return patch


def other_ink(generator) -> np.ndarray:
    "Something that is no single digit."
    shares = {
        shape_ink: 0.38,
        glyph_ink: 0.12,
        outline_ink: 0.06,
        random_strokes: 0.12,
        two_digits: 0.14,
        damaged_digit: 0.1,
        blob: 0.08,
    }
    return generator.choice(list(shares), p=list(shares.values()))(generator)


def drawn_set(n, make, label, generator) -> tuple[np.ndarray, np.ndarray]:
    "`n` images of what `make` draws."
    images = np.stack([to_image(make(generator), generator) for _ in range(n)])
    return images, np.full(n, label)


def training_set() -> tuple[torch.Tensor, torch.Tensor]:
    "Images, bytes `(n, 1, 28, 28)`, and their classes."
    generator = np.random.default_rng(SEED)
    train = load_splits("mnist", download=False).train
    chosen = generator.choice(len(train.labels), N_MNIST, replace=False)
    images = train.images[chosen, 0].numpy().copy()
    for i in range(0, N_MNIST, 2):  # half of them as masks, as if they were photographed
        images[i] = to_mnist(np.kron(images[i], np.ones((4, 4))) > 110)
    parts = [(images, train.labels[chosen].numpy())]
    for digit in range(10):
        parts.append(drawn_set(N_DIGITS // 10, partial(digit_ink, digit), digit, generator))
    for form, label in (("one_with_upstroke", EUROPEAN_ONE), ("slashed_zero", SLASHED_ZERO)):
        parts.append(drawn_set(N_FORMS // 2, partial(form_ink, form), label, generator))
    parts.append(drawn_set(N_OTHERS, other_ink, NOTHING, generator))
    images, labels = (np.concatenate(part) for part in zip(*parts))
    return torch.tensor(images)[:, None], torch.tensor(labels)


def other_pen(images, generator) -> torch.Tensor:
    "A third of the images with a thicker pen, a third with a thinner one."
    choice = torch.rand(len(images), 1, 1, 1, generator=generator)
    thick = F.max_pool2d(images, 2, 1, padding=1)[..., :28, :28]
    thin = -F.max_pool2d(-images, 2, 1, padding=1)[..., 1:, 1:]
    return torch.where(choice < 0.25, thick, torch.where(choice > 0.85, thin, images))


def train(images, labels) -> nn.Module:
    "The trained network."
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = build_network()
    optimizer = torch.optim.AdamW(model.parameters(), LR, weight_decay=1e-3)
    steps = EPOCHS * (len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        order = torch.randperm(len(labels), generator=generator)[: steps // EPOCHS * BATCH]
        for chosen in order.split(BATCH):
            batch = augment(to_float(images[chosen]), AUGMENTATION, generator)
            scores = model(normalize(other_pen(batch, generator).clamp(0, 1)))
            loss = F.nll_loss(scores, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total * EPOCHS / steps:.4f}", flush=True)
    return model.eval()


if __name__ == "__main__":
    model = train(*training_set())
    save_weights(model, ROOT / "s6erav3" / "pictures" / "likeness.safetensors")
