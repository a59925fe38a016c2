"""Layers written out in NumPy, one position after the other, to hold the blocks of the papers against."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

Array = np.ndarray


def randomised(block: nn.Module, seed: int = 0, size: float = 0.3) -> nn.Module:
    """The block in double precision with random weights everywhere, those that start at zero included."""
    random = torch.Generator().manual_seed(seed)
    block.double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=random))
    return block


def picture(*shape: int, seed: int = 1) -> Tensor:
    """(1, C, H, W), double."""
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def assert_written_out(block: nn.Module, written_out: Callable[[nn.Module, Array], Array], *shapes: tuple) -> None:
    """`block` gives for pictures of these shapes (C, H, W) what `written_out` gives."""
    for shape in shapes:
        x = picture(*shape)
        with torch.no_grad():
            given = block(x)[0].numpy()
        np.testing.assert_allclose(given, written_out(block, x[0].numpy()), rtol=1e-9, atol=1e-11)


def unreached(block: nn.Module, x: Tensor) -> set[str]:
    """Names of the parameters that have no gradient even after one step."""
    target = picture(*x.shape[1:], seed=2)
    optimiser = torch.optim.SGD(block.double().parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        ((block(x) - target) ** 2).mean().backward()
        norms = {name: 0.0 if p.grad is None else p.grad.abs().max().item() for name, p in block.named_parameters()}
        optimiser.step()
    return {name for name, norm in norms.items() if norm < 1e-12}


def conv(layer: nn.Conv2d, x: Array) -> Array:
    """(C, H, W) -> (O, H, W): odd kernel, stride 1, zeros around."""
    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.detach().numpy()
    k = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    out = np.empty((len(weight), *x.shape[1:]))
    for i, j in np.ndindex(*x.shape[1:]):
        for o in range(len(weight)):
            out[o, i, j] = (weight[o] * padded[:, i : i + k, j : j + k]).sum() + bias[o]
    return out


def softmax(scores: Iterable[float]) -> list[float]:
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def max_pooled(x: Array, side: int) -> Array:
    """(C, H, W): the largest of each window; those at the lower and right border may be cut."""
    rows, columns = range(0, x.shape[1], side), range(0, x.shape[2], side)
    return np.array([[[c[i : i + side, j : j + side].max() for j in columns] for i in rows] for c in x])


def non_local(block: nn.Module, x: Array, side: int = 1) -> Array:
    """x_i + W_o sum_j softmax_j(α(x_i) · β(x_j)) γ(x_j), with j over windows of `side`."""
    pooled = max_pooled(x, side)
    alpha, beta, gamma = conv(block.alpha, x), conv(block.beta, pooled), conv(block.gamma, pooled)
    places = list(np.ndindex(*pooled.shape[1:]))
    improved = np.empty_like(alpha)
    for i, j in np.ndindex(*x.shape[1:]):
        weights = softmax(float(alpha[:, i, j] @ beta[:, m, n]) for m, n in places)
        improved[:, i, j] = sum(w * gamma[:, m, n] for w, (m, n) in zip(weights, places))
    return x + conv(block.output, improved)


def non_local_differences(block: nn.Module, x: Array) -> Array:
    """x_i + W_o sum_j softmax_j(-τ |θ(x_i) - θ(x_j)|²) (γ(x_j) - γ(x_i))."""
    theta, gamma, tau = conv(block.theta, x), conv(block.gamma, x), block.log_tau.exp().item()
    places = list(np.ndindex(*x.shape[1:]))
    moved = np.empty_like(gamma)
    for i, j in np.ndindex(*x.shape[1:]):
        here = theta[:, i, j]
        weights = softmax(-tau * float(((here - theta[:, m, n]) ** 2).sum()) for m, n in places)
        moved[:, i, j] = sum(w * (gamma[:, m, n] - gamma[:, i, j]) for w, (m, n) in zip(weights, places))
    return x + conv(block.output, moved)


def residual_unit(unit: nn.Module, x: Array) -> Array:
    """relu(x + conv1(relu(conv3(relu(conv1(x))))))."""
    first, _, second, _, third = unit.conv
    inside = conv(third, np.maximum(conv(second, np.maximum(conv(first, x), 0)), 0))
    return np.maximum(x + inside, 0)
