"""progressive: residuals again and again, as its equations have it."""

import pytest
import torch
from support import textured
from torch import Tensor

from common.coding.codec_files import to_input
from common.errors import LicError
from lic_image.codecs.progressive import Progressive
from lic_image.layers.recurrent_cells import AssociativeLSTM, ConvGRU, ConvLSTM
from lic_image.layers.recurrent_transforms import Cell

CELLS: dict[str, tuple[Cell, Cell]] = {
    "LSTM": (ConvLSTM, ConvLSTM),
    "GRU": (ConvGRU, ConvGRU),
    "associative LSTM": (ConvLSTM, AssociativeLSTM),
}


def codec(cells: tuple[Cell, Cell] = CELLS["LSTM"], levels: int = 3, **options: str) -> Progressive:
    torch.manual_seed(0)
    return Progressive(*cells, (8, 8, 8, 8), (8, 8, 8, 8), bits=6, levels=levels, context=8, **options)  # type: ignore[arg-type]


def tiny(cells: tuple[Cell, Cell] = CELLS["LSTM"], **options: str) -> Progressive:
    torch.manual_seed(0)
    return Progressive(*cells, (16, 24, 32, 32), (64, 48, 24, 12), bits=32, levels=6, context=8, **options)  # type: ignore[arg-type]


def psnrs(model: Progressive, x: Tensor) -> list[float]:
    """Of each level."""
    with torch.no_grad():
        return [-10 * (x_hat - x).square().mean().log10().item() for _, x_hat in model.eval().iterations(x)]


@pytest.mark.parametrize("reconstruction", ["one_shot", "additive", "scaled"])
def test_equations(reconstruction: str) -> None:
    model, x = codec(reconstruction=reconstruction).eval(), torch.rand(1, 3, 32, 48)
    x_hat, encoder, decoder, gain = torch.full_like(x, 0.5), model.encoder.begin(), model.decoder.begin(), torch.ones(1)
    if model.gain is not None:
        torch.nn.init.normal_(model.gain.leave.weight)
    with torch.no_grad():
        for bits, found in model.iterations(x):
            values, encoder = model.encoder(gain * (x - x_hat), encoder)
            assert torch.equal(bits, torch.where(values < 0, -1.0, 1.0))
            change, decoder = model.decoder(bits, decoder)
            x_hat = (0.5 if reconstruction == "one_shot" else x_hat) + change / gain
            assert torch.allclose(found, x_hat, atol=1e-6)
            gain = model.gain(x_hat) if model.gain is not None else gain


def test_the_loss_is_the_mean_of_all_residuals_in_levels_of_255() -> None:
    model, x = codec().train(), torch.rand(2, 3, 32, 32)
    torch.manual_seed(1)
    out = model(x)
    torch.manual_seed(1)
    residuals = [(x - x_hat).abs().mean().item() for _, x_hat in model.iterations(x)]
    assert out["losses"]["residuals"].item() == pytest.approx(255 * sum(residuals) / 3, rel=1e-5)
    assert "losses" not in model.eval()(x)


def test_the_rate_trains_the_network_of_the_bits_alone() -> None:
    model, x = codec().train(), torch.rand(1, 3, 32, 32)
    (-model(x)["likelihoods"]["y"].log2().sum()).backward()
    found = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert found == {"context"}
    model.zero_grad()
    model(x)["losses"]["residuals"].backward()
    found = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert found == {"encoder", "decoder"}


@pytest.mark.parametrize("reconstruction", ["one_shot", "scaled"])
@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("levels", [1, 2])
def test_every_parameter_that_is_trained_gets_a_gradient(levels: int, cells: str, reconstruction: str) -> None:
    """DDP waits for all of them. What one iteration alone does not use is not trained, and stays in the weights."""
    model = codec(CELLS[cells], levels, reconstruction=reconstruction).train()
    out = model(torch.rand(1, 3, 32, 32))
    (out["losses"]["residuals"] - out["likelihoods"]["y"].log2().mean()).backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad != (p.grad is not None)]
    assert all(p.requires_grad for p in model.parameters()) == (levels > 1)
    later = codec(CELLS[cells], 2, reconstruction=reconstruction)
    assert model.state_dict().keys() == later.state_dict().keys()


def test_it_learns() -> None:
    """A hundred steps on one picture: iterations end nearer to it, and bits get cheaper."""
    model, x = codec(reconstruction="additive"), to_input(textured(32, 32), 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(100):
        out = model(x)
        loss = out["losses"]["residuals"] - out["likelihoods"]["y"].log2().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        told = model.eval().forward_levels(x)
    errors = [(level["x_hat"] - x).abs().mean().item() for level in told]
    assert errors[-1] < errors[0] < (x - 0.5).abs().mean().item() and errors[-1] < 0.5 * (x - 0.5).abs().mean().item()
    assert -told[-1]["likelihoods"]["y"].log2().mean().item() < 0.9


@pytest.mark.parametrize("reconstruction", ["one_shot", "additive", "scaled"])
@pytest.mark.parametrize("cells", CELLS)
def test_it_starts_as_successive_approximation(cells: str, reconstruction: str) -> None:
    """Without a step of training, each level is nearer to the picture; from a random start none is."""
    x = to_input(textured(128, 128), 16)
    model = tiny(CELLS[cells], reconstruction=reconstruction, start="klt")
    model.start_from(x, 0.013)
    assert model.training
    found, grey = psnrs(model, x), -10 * (x - 0.5).square().mean().log10().item()
    assert found == sorted(found) and found[0] > grey + 3 and found[-1] > grey + 14


def test_it_learns_every_level() -> None:
    """Thirty steps on a picture that the start does not know improve each level; from a random start all stay grey."""
    x = to_input(textured(64, 64), 16)
    model = tiny(start="klt")
    model.start_from(to_input(textured(128, 128, seed=1), 16), 0.013)
    before = psnrs(model, x)
    optimizer = torch.optim.Adam(model.train().parameters(), lr=2e-3)
    for _ in range(30):
        optimizer.zero_grad()
        model(x)["losses"]["residuals"].backward()
        optimizer.step()
    after = psnrs(model, x)
    assert all(b > a + 1 for a, b in zip(before, after)) and after == sorted(after)


def test_a_random_start_has_the_published_parameters_alone() -> None:
    model = codec()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert not any(name.startswith(("choice", "gain")) for name in before)
    model.start_from(torch.rand(1, 3, 32, 32), 0.013)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(LicError, match="one_shot, additive or scaled, not both"):
        codec(reconstruction="both")
    with pytest.raises(LicError, match="random, pyramid, klt, not wavelet"):
        codec(start="wavelet")
    with pytest.raises(LicError, match="start=klt needs a last cell of the decoder of 12 channels"):
        codec(start="klt").start_from(torch.rand(1, 3, 32, 32), 0.013)
