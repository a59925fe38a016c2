"""progressive: residuals again and again, as its equations have it."""

import pytest
import torch
from support import textured

from common.coding.codec_files import to_input
from common.errors import LicError
from lic_image.codecs.progressive import Progressive
from lic_image.layers.recurrent_cells import ConvLSTM


def codec(**options: str) -> Progressive:
    torch.manual_seed(0)
    return Progressive(ConvLSTM, ConvLSTM, (8, 8, 8, 8), (8, 8, 8, 8), bits=6, levels=3, context=8, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("reconstruction", ["one_shot", "additive"])
def test_equations(reconstruction: str) -> None:
    model, x = codec(reconstruction=reconstruction).eval(), torch.rand(1, 3, 32, 48)
    x_hat, encoder, decoder = torch.full_like(x, 0.5), model.encoder.begin(), model.decoder.begin()
    with torch.no_grad():
        for bits, found in model.iterations(x):
            values, encoder = model.encoder(x - x_hat, encoder)
            assert torch.equal(bits, torch.where(values < 0, -1.0, 1.0))
            change, decoder = model.decoder(bits, decoder)
            x_hat = (x_hat if reconstruction == "additive" else 0.5) + change
            assert torch.allclose(found, x_hat, atol=1e-6)


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


def test_another_reconstruction_is_refused() -> None:
    with pytest.raises(LicError, match="one_shot or additive, not both"):
        codec(reconstruction="both")
