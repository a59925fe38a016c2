"""The adapter gives what CompressAI's own model gives, with its weights."""

from pathlib import Path

import pytest
import torch
from compressai.models.video import ScaleSpaceFlow
from support.clips import pairs
from torch import Tensor

from common.errors import LicError, StreamError
from common.run.weights import load_weights
from lic_video.codecs.ssf2020 import SSF2020
from lic_video.gop import Gop


@pytest.fixture(scope="module")
def peer() -> ScaleSpaceFlow:
    """CompressAI's model, coding more than zeros."""
    torch.manual_seed(0)
    model = ScaleSpaceFlow().eval()
    with torch.no_grad():
        for part in (model.img_encoder, model.motion_encoder, model.res_encoder):
            part[-1].weight *= 60
        for part in (model.img_hyperprior, model.motion_hyperprior, model.res_hyperprior):
            part.hyper_encoder[-1].weight *= 60
        for part in (model.motion_decoder, model.res_decoder):
            part[-1].weight *= 4
    model.update()
    return model


@pytest.fixture(scope="module")
def ours(peer: ScaleSpaceFlow) -> SSF2020:
    codec = SSF2020(Gop(12)).eval()
    codec.load_state_dict(peer.state_dict())
    return codec


@pytest.fixture(scope="module")
def frames() -> list[Tensor]:
    return [frame[None] for frame in pairs(128, 128, 2).flatten(0, 1)]


def assert_likelihoods(found: dict[str, Tensor], parts: dict[str, dict[str, Tensor]], names: dict[str, str]) -> None:
    expected = {f"{names[part]}.{name}": p for part, of in parts.items() for name, p in of.items()}
    assert set(found) == set(expected)
    for name, p in expected.items():
        torch.testing.assert_close(found[name], p)


@torch.inference_mode()
def test_a_clip_is_what_compressai_makes_of_it(peer: ScaleSpaceFlow, ours: SSF2020, frames: list[Tensor]) -> None:
    expected = peer(frames[:3])
    coded = ours.intra_forward(frames[0])
    torch.testing.assert_close(coded.x_hat, expected["x_hat"][0])
    assert_likelihoods(coded.likelihoods, expected["likelihoods"][0], {"keyframe": "intra"})
    for i in (1, 2):
        reference, coded = coded.x_hat, ours(frames[i], coded.x_hat)
        torch.testing.assert_close(coded.x_hat, expected["x_hat"][i])
        names = {"motion": "motion", "residual": "residual"}
        assert_likelihoods(coded.likelihoods, expected["likelihoods"][i], names)
        spreads = {name: (p.std() / p.mean()).item() for name, p in coded.likelihoods.items()}
        assert min(spreads.values()) > 0.03, f"there is something to code: {spreads}"
        assert not torch.allclose(coded.x_hat, reference, atol=0.01)


@torch.inference_mode()
def test_frames_are_written_as_compressai_decodes_them(
    peer: ScaleSpaceFlow, ours: SSF2020, frames: list[Tensor]
) -> None:
    """Streams are our coder's; what comes out of them is what CompressAI's coder carries."""
    strings, shapes = peer.compress(frames[:2])
    expected = peer.decompress(strings, shapes)
    intra = ours.intra_encode(frames[0])
    assert len(intra.streams) == 1 and torch.equal(ours.intra_decode(intra.streams, (128, 128)), intra.x_hat)
    torch.testing.assert_close(intra.x_hat, expected[0].clamp(0, 1))
    written = ours.encode(frames[1], expected[0])  # not clamped: as CompressAI goes on
    assert len(written.streams) == 1 and torch.equal(ours.decode(written.streams, expected[0]), written.x_hat)
    torch.testing.assert_close(written.x_hat, expected[1].clamp(0, 1))
    theirs = [string[0] for part in ("motion", "residual") for string in strings[1][part]]
    assert sum(map(len, written.streams)) == pytest.approx(sum(map(len, theirs)), rel=0.02, abs=40)


@torch.inference_mode()
def test_files_of_version_3_are_read(ours: SSF2020, frames: list[Tensor]) -> None:
    """Their packets hold a stream for each latent, as CompressAI's own methods write them."""
    x_hat, out = ours.model.encode_keyframe(frames[0])
    streams = [strings[0] for strings in out["strings"]]
    assert torch.equal(ours.intra_decode(streams, (128, 128)), x_hat.clamp(0, 1))
    x_hat, out = ours.model.encode_inter(frames[1], frames[0])
    streams = [strings[0] for part in ("motion", "residual") for strings in out["strings"][part]]
    assert torch.equal(ours.decode(streams, frames[0]), x_hat.clamp(0, 1))


@torch.inference_mode()
def test_streams_of_another_codec_are_refused(ours: SSF2020, frames: list[Tensor]) -> None:
    for streams in ([], [b""], [b"", b"", b""]):
        with pytest.raises(StreamError):
            ours.decode(streams, frames[0])
        with pytest.raises(StreamError):
            ours.intra_decode(streams, (128, 128))


def test_weights_come_from_a_file_of_compressais_or_of_its_own(
    peer: ScaleSpaceFlow, ours: SSF2020, tmp_path: Path
) -> None:
    torch.save({"state_dict": {f"module.{name}": p for name, p in peer.state_dict().items()}}, tmp_path / "peer.pth")
    torch.save({"state_dict": ours.state_dict()}, tmp_path / "ours.ckpt")
    for name in ("peer.pth", "ours.ckpt"):
        codec = SSF2020(Gop(12))
        load_weights(codec, tmp_path / name)
        assert all(torch.equal(p, q) for p, q in zip(codec.parameters(), peer.parameters()))
    with pytest.raises(LicError, match="do not fit SSF2020"):
        load_weights(SSF2020(Gop(12), N=32, M=48), tmp_path / "peer.pth")


def test_all_of_it_is_trained_and_it_has_three_bottlenecks_to_fit(peer: ScaleSpaceFlow, ours: SSF2020) -> None:
    assert ours.frozen() == [] and ours.downsampling == 128
    assert ours.aux_loss().item() == pytest.approx(sum(peer.aux_loss()).item(), rel=1e-5)
    ours.aux_loss().backward()
    reached = {name.split(".")[1] for name, p in ours.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {"img_hyperprior", "motion_hyperprior", "res_hyperprior"}


def test_narrower_ones_keep_its_structure(ours: SSF2020) -> None:
    small = SSF2020(Gop(12), N=8, M=12)
    shapes = {
        name: [8 if n == 128 else {192: 12, 384: 24}.get(n, n) for n in p.shape] for name, p in ours.named_parameters()
    }
    assert {name: list(p.shape) for name, p in small.named_parameters()} == shapes
