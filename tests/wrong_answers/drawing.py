import torch


def each_for_itself(maps):
    flat = maps.flatten(1)
    low, high = flat.min(dim=1, keepdim=True).values, flat.max(dim=1, keepdim=True).values
    return (255 * (flat - low) / (high - low).clamp(min=1e-9)).view_as(maps).byte()


def undefined_for_one_colour(maps):
    if maps.min() == maps.max():
        return torch.full_like(maps, 255).byte()
    return (255 * (maps - maps.min()) / (maps.max() - maps.min())).byte()


WRONG = {
    "check_bytes": [
        (8 * 140 * 140, 10_192),
        (4 * 140 * 140, 10_192),
        (784, 10_192),
        (140, 10_192),
        (19_600, 9_408),
        (19_600, 784 + 784),
        (19_600, 784 + 4 * 9_408),
        (19_600, 29_008),
        (19_600, 784),
    ],
    "check_shades": [
        each_for_itself,
        undefined_for_one_colour,
        lambda maps: (255 * maps / maps.max()).abs().byte(),
        lambda maps: ((maps - maps.min()) / (maps.max() - maps.min())).byte(),
        lambda maps: maps - maps.min(),
        lambda maps: each_for_itself(maps).flatten(),
        lambda maps: maps.tobytes(),
    ],
    "check_settles": [64, 103, 140, 36, 500],
}
