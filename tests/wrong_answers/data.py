import torch


def image_by_image(source, share):
    return torch.rand(len(source), generator=torch.Generator().manual_seed(0)) < share


def the_last(source, share):
    return source >= (1 - share) * (source.max() + 1)


def one_of_each(source, share):
    mask = torch.zeros(len(source), dtype=torch.bool)
    for digit in source.unique():
        mask[(source == digit).nonzero()[0]] = True
    return mask


def their_numbers(source, share):
    return torch.randperm(len(source))[: int(share * len(source))]


def every_fifth(source, share):
    return source % 5 == 0


def first_and_last(source, share):
    edge = share / 2 * (source.max() + 1)
    return (source < edge) | (source >= source.max() + 1 - edge)


def always_a_fifth(source, share):
    return torch.isin(source, torch.randperm(int(source.max()) + 1)[: (source.max() + 1) // 5])


WRONG = {
    "check_grey": [0, 0.1307, -0.4242, 127.5, 79],
    "check_split": [
        every_fifth,
        first_and_last,
        always_a_fifth,
        image_by_image,
        the_last,
        one_of_each,
        their_numbers,
    ],
    "check_moved": [(0.9, 0.5, 0.8), (100.0, 60.0, 90.0), (90.0, 90.0, 90.0), (90.0, 20.0, 80.0)],
}
