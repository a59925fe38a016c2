"""Our neighbourhood attention against torch's `flex_attention`, compiled: `python -m benchmarks.neighbourhoods`.

Both compute the same attention among 7x7 neighbours with the same learned bias, on maps as Tiny-LIC has them in
training (8 crops of 256x256, size=base): forward alone, and with the gradients of all arguments. For a GPU, in
bfloat16; on a CPU `flex_attention` has no gradient.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from benchmarks.timing import interleaved_medians
from lic_image.layers.neighbourhood_attention import neighbourhood_attention

WINDOW, HEAD = 7, 16
MAPS = ((128, 8), (64, 12), (32, 16))  # side and heads
Attention = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def flex(H: int, W: int) -> Attention:
    """The same, of positions in raster order; blocks of positions of which none is seen are left out."""
    compiled = torch.compile(flex_attention, dynamic=False)

    def beyond(i: Tensor, j: Tensor, length: int) -> Tensor:
        """How far j is from the begin of i's window."""
        return j - (i - WINDOW // 2).clamp(0, length - WINDOW)

    def seen(_: Tensor, __: Tensor, i: Tensor, j: Tensor) -> Tensor:
        down, right = beyond(i // W, j // W, H), beyond(i % W, j % W, W)
        return (down >= 0) & (down < WINDOW) & (right >= 0) & (right < WINDOW)

    mask = create_block_mask(seen, None, None, H * W, H * W, device="cuda")

    def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        def biased(score: Tensor, _: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
            down = (j // W - i // W + WINDOW - 1).clamp(0, 2 * WINDOW - 2)
            right = (j % W - i % W + WINDOW - 1).clamp(0, 2 * WINDOW - 2)
            return score + bias[head, down, right]

        q, k, v = (x.flatten(1, 2).transpose(1, 2) for x in (q, k, v))
        out: Tensor = compiled(q, k, v, score_mod=biased, block_mask=mask)
        return out.transpose(1, 2).unflatten(1, (H, W))

    return attention


def measured(side: int, heads: int, rounds: int = 5) -> dict[str, float]:
    """Milliseconds of both ways, by both."""
    q, k, v = torch.randn(3, 8, side, side, heads, HEAD, device="cuda", dtype=torch.bfloat16).unbind(0)
    bias = torch.randn(heads, 2 * WINDOW - 1, 2 * WINDOW - 1, device="cuda", requires_grad=True)
    for x in (q, k, v):
        x.requires_grad_()
    attentions: dict[str, Attention] = {"ours": neighbourhood_attention, "flex": flex(side, side)}

    def forward(attention: Attention) -> None:
        with torch.no_grad():
            attention(q, k, v, bias)
        torch.cuda.synchronize()

    def both(attention: Attention) -> None:
        attention(q, k, v, bias).float().square().sum().backward()
        torch.cuda.synchronize()

    begin = time.perf_counter()
    both(attentions["flex"])
    found = {"compile": 1e3 * (time.perf_counter() - begin)}
    with torch.no_grad():
        ours, theirs = (attention(q, k, v, bias).float() for attention in attentions.values())
        torch.testing.assert_close(ours, theirs, atol=0.05, rtol=0.05)
    for way, work in (("forward", forward), ("gradient", both)):
        times = interleaved_medians(*(partial(work, each) for each in attentions.values()), rounds=rounds)
        found |= {f"{way}_{name}": 1e3 * seconds for name, seconds in zip(attentions, times)}
    return found


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.neighbourhoods", description=__doc__).parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("benchmarks.neighbourhoods: needs a GPU, and torch finds none.")
    table = Table(title="8 maps, 7x7 neighbours, bfloat16, milliseconds")
    figures: dict[str, float] = {}
    for heading in ("map", "heads", "forward", "flex", "with gradients", "flex", "flex: to compile"):
        table.add_column(heading)
    for side, heads in MAPS:
        m = measured(side, heads)
        cells = (m[f"{way}_{name}"] for way in ("forward", "gradient") for name in ("ours", "flex"))
        table.add_row(f"{side} x {side}", str(heads), *(f"{value:.1f}" for value in (*cells, m["compile"])))
        figures |= {f"{side}_{name}": round(value, 2) for name, value in m.items()}
    Console().print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
