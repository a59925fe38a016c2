"""Attention, and sums over named indices: what comes down to products of matrices."""

import math
from typing import Any

import torch
from torch import Tensor

from common.entropy.exact.folds import mean, softmax
from common.entropy.exact.sums import linear, matmul

SCORES = 2**22  # of queries and keys, in memory at once; no sum goes over queries, so that this changes no result


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """As `torch.nn.functional.scaled_dot_product_attention`, without dropout.

    Queries, keys and values beyond ±2^10 are clamped.
    """
    if is_causal or dropout_p or enable_gqa:
        raise NotImplementedError("causal, with dropout or grouped queries")
    L, S = q.shape[-2], k.shape[-2]
    at_once = max(1, SCORES // max(1, math.prod(q.shape[:-2]) * S))
    parts = []
    for i in range(0, L, at_once):
        here = slice(i, i + at_once)
        mask = attn_mask if attn_mask is None or attn_mask.shape[-2] == 1 else attn_mask[..., here, :]
        parts.append(weighted(probabilities(q[..., here, :], k, mask, scale), v))
    return torch.cat(parts, -2) if parts else weighted(probabilities(q, k, attn_mask, scale), v)


def probabilities(q: Tensor, k: Tensor, mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """q (..., L, c), k (..., S, c) -> how much each query sees of each key, (..., L, S)."""
    scores = matmul(q, k.transpose(-2, -1)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        seen = mask.dtype == torch.bool
        scores = torch.where(mask, scores, -math.inf) if seen else scores + mask.double()
    return softmax(scores)


def weighted(shares: Tensor, v: Tensor) -> Tensor:
    """Means of v (..., S, c) by `shares`."""
    return matmul(shares, v, (1.0, 2.0**10), row_sum=1.01)


def multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """As `torch.nn.functional.multi_head_attention_forward`, what `nn.MultiheadAttention` calls: (L, B, E) each."""
    rare = (bias_k, bias_v, key_padding_mask, static_k, static_v)
    if any(p is not None for p in rare) or add_zero_attn or (training and dropout_p) or query.ndim != 3:
        raise NotImplementedError("with a mask of keys, biases of keys, dropout or without a batch")
    apart = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = apart if in_proj_weight is None else in_proj_weight.chunk(3)
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)

    def heads(x: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        return linear(x, weight, bias).unflatten(2, (num_heads, -1)).permute(1, 2, 0, 3)  # (B, heads, L, c)

    q, k, v = (heads(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    if attn_mask is not None and attn_mask.ndim == 3:
        attn_mask = attn_mask.unflatten(0, (-1, num_heads))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = ~attn_mask  # here True hides
    if is_causal and attn_mask is None:
        raise NotImplementedError("causal, without a mask")
    shares = probabilities(q, k, attn_mask)
    seen = weighted(shares, v).permute(2, 0, 1, 3).flatten(2)
    told = mean(shares, 1) if average_attn_weights and need_weights else shares
    return linear(seen, out_proj_weight, out_proj_bias), told if need_weights else None


def einsum(equation: str, *operands: Any) -> Tensor:
    """As `torch.einsum` of two tensors, every index once in each."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    names = inputs.split(",")
    if not arrow or "." in equation or len(tensors) != 2 or any(len(set(n)) != len(n) for n in [*names, output]):
        raise NotImplementedError(f"of {equation!r}")
    first, second = names
    both = [i for i in first if i in second and i in output]
    summed = [i for i in first if i in second and i not in output]
    left, right = ([i for i in n if i not in both + summed] for n in names)
    if not {*left, *right} <= {*output}:
        raise NotImplementedError(f"of {equation!r}, which sums over an index of one tensor alone,")
    sides = {i: side for n, x in zip(names, tensors) for i, side in zip(n, x.shape)}
    if any([sides[i] for i in n] != list(x.shape) for n, x in zip(names, tensors)):
        raise NotImplementedError(f"of {equation!r} and tensors whose sides are not so")

    def matrices(x: Tensor, name: str, rows: list[str], columns: list[str]) -> Tensor:
        shape = [math.prod(sides[i] for i in part) for part in (both, rows, columns)]
        return x.double().permute([name.index(i) for i in both + rows + columns]).reshape(shape)

    product = matmul(matrices(tensors[0], first, left, summed), matrices(tensors[1], second, summed, right))
    found = both + left + right
    return product.reshape([sides[i] for i in found]).permute([found.index(i) for i in output])
