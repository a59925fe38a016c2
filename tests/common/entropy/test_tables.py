"""The coder's tables are never missing nor stale, and every checkpoint loads."""

import copy
import io
import pickle

import compressai.entropy_models as peer
import pytest
import torch
from compressai.models.base import get_scale_table
from support import shaken
from torch import Tensor

from common.entropy.models import EntropyBottleneck, GaussianConditional, adopt
from common.errors import LicError

SHAPE = (2, 6, 5, 7)


def latents(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    scales = torch.exp(2 * torch.randn(SHAPE))
    means = 3 * torch.randn(SHAPE)
    return means + scales * torch.randn(SHAPE), scales, means


def test_changed_parameters_change_the_tables() -> None:
    model = shaken(EntropyBottleneck(6))
    x = torch.randn(SHAPE)
    before = model.compress(x)
    with torch.no_grad():
        model.quantiles[:, :, 1] += 0.3
        model.biases[0] += 0.7
    fresh = EntropyBottleneck(6)
    fresh.load_state_dict({n: p for n, p in model.state_dict().items() if not n.startswith("_")})
    assert model.compress(x) == fresh.compress(x) != before
    assert not model.update()


def test_taking_a_state_dict_builds_the_tables_and_leaves_the_random_state() -> None:
    torch.manual_seed(3)
    model = EntropyBottleneck(6)
    state = torch.random.get_rng_state()
    saved = model.state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert saved["_quantized_cdf"].numel() and saved["_tables_digest"].any()
    assert GaussianConditional().state_dict()["_quantized_cdf"].shape[0] == 64


def test_loaded_tables_are_used_as_they_are() -> None:
    """Another machine may have built them a little differently."""
    model = shaken(EntropyBottleneck(6))
    saved = model.state_dict()
    saved["_quantized_cdf"] = saved["_quantized_cdf"].clone()
    likeliest = saved["_quantized_cdf"].diff().argmax(1)
    saved["_quantized_cdf"][torch.arange(6), likeliest + 1] -= 1
    assert not torch.equal(saved["_quantized_cdf"], model.quantized_cdf)
    other = EntropyBottleneck(6)
    other.compress(torch.zeros(SHAPE))
    other.load_state_dict(saved)
    assert torch.equal(other.quantized_cdf, saved["_quantized_cdf"])
    assert torch.equal(other.state_dict()["_quantized_cdf"], saved["_quantized_cdf"])
    saved["_quantized_cdf"][:, 2] = -1  # nonsense is not used
    other.load_state_dict(saved)
    assert torch.equal(other.quantized_cdf, model.quantized_cdf)


@pytest.mark.parametrize("updated", [False, True])
@pytest.mark.parametrize("mine_built", [False, True])
def test_compressais_checkpoints_load(updated: bool, mine_built: bool) -> None:
    bottleneck, gaussian = shaken(peer.EntropyBottleneck(6)), peer.GaussianConditional(None)
    if updated:
        bottleneck.update()
        gaussian.update_scale_table([0.2, 1.0, 5.0])
    for ours, theirs in ((EntropyBottleneck(6), bottleneck), (GaussianConditional(), gaussian)):
        if mine_built:
            ours.update()
        ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(SHAPE)
    fresh = EntropyBottleneck(6)
    fresh.load_state_dict(bottleneck.state_dict())
    assert fresh.compress(x) == adopt(bottleneck).compress(x)
    assert len(ours.scale_table) == (3 if updated else 64)
    assert len(ours.quantized_cdf) == len(ours.scale_table)
    assert ours.update_scale_table(get_scale_table()) is False or not updated
    assert len(ours.scale_table) == (3 if updated else 64)


def test_other_keys_are_still_missed() -> None:
    state = EntropyBottleneck(6).state_dict()
    del state["quantiles"], state["_offset"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "quantiles"\.'):
        EntropyBottleneck(6).load_state_dict(state)


def test_copies_and_pickles() -> None:
    y, scales, means = latents()
    x = torch.randn(SHAPE)
    for model, call in (
        (GaussianConditional(), lambda m: m.compress(y, m.build_indexes(scales), means)),
        (EntropyBottleneck(6), lambda m: m.compress(x)),
    ):
        strings = call(model)
        assert call(copy.deepcopy(model)) == call(pickle.loads(pickle.dumps(model))) == strings
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        other = type(model)(6) if isinstance(model, EntropyBottleneck) else type(model)()
        other.load_state_dict(torch.load(file))
        assert call(other) == strings


def test_a_diverged_model_can_be_saved_but_not_used() -> None:
    model = EntropyBottleneck(6)
    with torch.no_grad():
        model.biases[0][0] = float("nan")
    model.state_dict()
    with pytest.raises(LicError, match="diverged"):
        model.compress(torch.zeros(SHAPE))


def test_strayed_quantiles_do_not_blow_up_the_tables() -> None:
    model = EntropyBottleneck(6)
    with torch.no_grad():
        model.quantiles[0, 0, 2] = 1e9
        model.quantiles[1, 0, 0] = -1e9
    assert model.quantized_cdf.shape[1] < 10_000
    x = torch.randint(-(10**6), 10**6, SHAPE).float()
    assert torch.equal(model.decompress(model.compress(x), SHAPE[2:]), x)


def test_scale_tables() -> None:
    assert torch.equal(GaussianConditional().scale_table, get_scale_table())
    model = GaussianConditional((0.5, 1.0, 2.0))
    assert not model.update_scale_table([1.0, 3.0]) or len(model.scale_table) == 3
    assert len(model.quantized_cdf) == 3
    assert model.update_scale_table([1.0, 3.0], force=True) and len(model.quantized_cdf) == 2
    assert model.update()
    with pytest.raises(ValueError):
        GaussianConditional([2.0, 1.0])
