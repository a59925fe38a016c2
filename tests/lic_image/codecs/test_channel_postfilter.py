"""channel_postfilter: Ballé's hyperprior with gates at the end of every transform and a filter on the picture."""

import torch

from lic_image.codecs.channel_postfilter import ChannelPostfilter
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.post_filter import PostFilter


def test_blocks_stand_where_the_paper_has_them() -> None:
    codec = ChannelPostfilter(16, 32)
    order = {
        name: [child for child, _ in getattr(codec, name).named_children()] for name in ("g_a", "h_a", "h_s", "g_s")
    }
    assert all(order[name][-1] == "attention" for name in ("g_a", "h_a", "h_s"))
    assert order["g_s"][-3:] == ["attention", "6", "refinement"]
    gates = {name: getattr(codec, name).attention for name in order}
    assert all(isinstance(block, ChannelAttention) for block in gates.values())
    assert {name: block.mlp[0].in_features for name, block in gates.items()} == {
        "g_a": 32, "h_a": 16, "h_s": 32, "g_s": 16,
    }  # fmt: skip
    assert isinstance(codec.g_s.refinement, PostFilter)


def test_with_open_gates_it_is_the_hyperprior() -> None:
    torch.manual_seed(0)
    codec, plain = ChannelPostfilter(16, 32).eval(), Hyperprior(16, 32).eval()
    plain.load_state_dict(
        {k: v for k, v in codec.state_dict().items() if "attention" not in k and "refinement" not in k}
    )
    for block in codec.modules():
        if isinstance(block, ChannelAttention):
            block.gates = lambda x: torch.ones(x.shape[:2])  # type: ignore[method-assign]
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(codec(x)["x_hat"], plain(x)["x_hat"])
