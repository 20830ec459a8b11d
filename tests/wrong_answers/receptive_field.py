import torch


def jump_first(layers):
    field = 1
    jump = 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def fails(layers):
    return layers[0][2]


def rows_of_the_sum(model):
    x = torch.randn(1, 1, 28, 28, requires_grad=True)
    model(x).sum().backward()
    return (x.grad[0, 0] != 0).any(dim=1).sum().item()


def pixels_of_the_square(model):
    x = torch.randn(1, 1, 28, 28, requires_grad=True)
    out = model(x)
    middle = out.shape[-1] // 2
    out[0, 0, middle, middle].backward()
    return (x.grad != 0).sum().item()


def position_gradient(model, part):
    "The gradient of one position, so far along the map."
    x = torch.randn(1, 1, 28, 28, requires_grad=True)
    out = model(x)
    at = int(part * (out.shape[-1] - 1))
    out[0, 0, at, at].backward()
    return x.grad[0, 0] != 0


def columns(model):
    return position_gradient(model, 0.5).any(dim=0).sum().item()


def rows_of_the_first(model):
    return position_gradient(model, 0).any(dim=1).sum().item()


WRONG = {
    "check_pixels": [6, 8, 14, 28],
    "check_macs": [677_376, 338_688, 864, 876, 14_112, 21_168, 171_696, 1],
    "check_recurrence": [jump_first, without_strides, fails],
    "check_gradient": [columns, rows_of_the_first, rows_of_the_sum, pixels_of_the_square],
}
