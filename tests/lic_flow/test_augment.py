from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as tvf
from torch import Tensor

from common.data.scenes import motion, render, scene
from common.layers.warp import warp
from lic_flow.augment import FlowAugmentation, Parameters

PLAIN: dict[str, Any] = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
STILL: dict[str, Any] = {"spatial": 0, "translation": 0, "horizontal_flip": 0, "vertical_flip": 0, "asymmetric": 0}


def random_batch(size: int, height: int, width: int, known: float = 1.0) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(0)
    valid = torch.rand(size, height, width, generator=g) < known
    return {
        "first": torch.randint(256, (size, 3, height, width), generator=g, dtype=torch.uint8),
        "second": torch.randint(256, (size, 3, height, width), generator=g, dtype=torch.uint8),
        "flow": torch.randn(size, 2, height, width, generator=g) * valid[:, None],
        "valid": valid,
        "index": torch.arange(size),
    }


def ramp(height: int, width: int) -> dict[str, Tensor]:
    """Pictures 10 x + 3 y and its complement, the flow (x, y) at (x, y): bilinear interpolation of them is exact."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    first = (10 * x + 3 * y).to(torch.uint8).expand(1, 3, -1, -1)
    flow = torch.stack([x, y])[None].float()
    return {"first": first, "second": 255 - first, "flow": flow, "valid": torch.ones(1, height, width) > 0}


def by_hand(origin: tuple[float, float], scale: tuple[float, float]) -> Parameters:
    return Parameters(torch.tensor([origin]), torch.tensor([scale]), torch.ones(1, 2, 4), torch.zeros(1) > 0)


@pytest.mark.parametrize(
    "origin, scale, corner, end",
    [  # the places in the canvas that pixels (0, 0) and (3, 2) of a 3x4 crop show: origin + u / scale
        ((2, 1), (1, 1), (2, 1), (5, 3)),
        ((1, 2), (2, 2), (1, 2), (2.5, 3)),
        ((0.5, 1.25), (2, 0.5), (0.5, 1.25), (2, 5.25)),
        ((6, 1), (-1, 1), (6, 1), (3, 3)),
        ((6, 5), (-0.75, -4), (6, 5), (2, 4.5)),
    ],
)
def test_known_maps(
    origin: tuple[float, float], scale: tuple[float, float], corner: tuple[float, float], end: tuple[float, float]
) -> None:
    augmented = FlowAugmentation((3, 4), (0, 0), **PLAIN)(ramp(7, 9), by_hand(origin, scale))
    for pixel, (x, y) in {(0, 0): corner, (2, 3): end}.items():
        i, j = pixel
        assert augmented["first"][0, :, i, j].tolist() == pytest.approx([(10 * x + 3 * y) / 255] * 3, abs=1e-6)
        assert augmented["second"][0, 0, i, j].item() == pytest.approx(1 - (10 * x + 3 * y) / 255, abs=1e-6)
        assert augmented["flow"][0, :, i, j].tolist() == pytest.approx([scale[0] * x, scale[1] * y], abs=1e-5)
    assert augmented["valid"].all()


def test_points_go_where_the_flow_says() -> None:
    augmentation = FlowAugmentation((16, 20), (-0.3, 1.0), horizontal_flip=0.5, vertical_flip=0.5, **PLAIN)
    batch = random_batch(40, 24, 32)
    motion_of = torch.tensor([1.5, -0.75])
    batch["flow"] = motion_of[None, :, None, None].expand(40, -1, 24, 32)
    drawn = augmentation.draw(batch["index"], 3, (24, 32))
    flow = augmentation(batch, drawn)["flow"]
    point = torch.tensor([11.0, 9.0])  # in the canvas; its place in a crop is (point - origin) * scale
    before, after = ((p - drawn.origin) * drawn.scale for p in (point, point + motion_of))
    torch.testing.assert_close(flow[:, :, 5, 7], after - before, rtol=0, atol=1e-4)
    assert (drawn.scale > 0).any(0).all() and (drawn.scale < 0).any(0).all()


@pytest.mark.parametrize("canvas", [(16, 24), (17, 27), (12, 20), (23, 20)])
def test_nothing_asked_for_is_the_crop_in_the_middle(canvas: tuple[int, int]) -> None:
    batch = random_batch(3, *canvas, known=0.7)
    augmentation = FlowAugmentation((12, 20), (-0.3, 1.0), **PLAIN, **STILL)
    augmented = augmentation(batch, augmentation.draw(batch["index"], 1, canvas))
    top, left = (canvas[0] - 12) // 2, (canvas[1] - 20) // 2
    crop = {name: part[..., top : top + 12, left : left + 20] for name, part in batch.items() if name != "index"}
    assert torch.equal(augmented["first"], crop["first"] / 255)
    assert torch.equal(augmented["second"], crop["second"] / 255)
    assert torch.equal(augmented["flow"], crop["flow"]) and torch.equal(augmented["valid"], crop["valid"])


def test_flips_and_crops_interpolate_nothing() -> None:
    batch = random_batch(30, 15, 22, known=0.5)
    augmentation = FlowAugmentation((12, 17), (-0.3, 1.0), spatial=0, vertical_flip=0.5, **PLAIN)
    augmented = augmentation(batch, augmentation.draw(batch["index"], 5, (15, 22)))
    found = set()
    for n in range(30):
        windows = {
            (top, left, h, v): batch["first"][n, :, top : top + 12, left : left + 17].flip([-1] * h + [-2] * v) / 255
            for top in range(4) for left in range(6) for h in (0, 1) for v in (0, 1)
        }  # fmt: skip
        top, left, h, v = next(w for w, picture in windows.items() if torch.equal(picture, augmented["first"][n]))
        flow, valid = (
            part[n, ..., top : top + 12, left : left + 17].flip([-1] * h + [-2] * v)
            for part in (batch["flow"], batch["valid"])
        )
        assert torch.equal(augmented["flow"][n], flow * torch.tensor([1 - 2 * h, 1 - 2 * v])[:, None, None])
        assert torch.equal(augmented["valid"][n], valid)
        found.add((top, left, h, v))
    for seen, possible in zip(zip(*found), (range(4), range(6), range(2), range(2))):
        assert set(seen) == set(possible)


def procedural_pairs(count: int, height: int, width: int) -> dict[str, Tensor]:
    """Scenes that move, without noise or light that stays where it is; known is what is seen in both pictures."""
    pairs = []
    for index in range(count):
        view = scene(11, index, height, width)
        for light in ("noise", "light_x", "light_y", "vignette", "dapple"):
            view.camera[light] = 0
        truth = motion(view, 0.0, 3.0)
        pictures = (torch.from_numpy(render(view, t).transpose(2, 0, 1)) for t in (0.0, 3.0))
        pairs.append((*pictures, torch.from_numpy(truth.flow), ~torch.from_numpy(truth.occluded)))
    return dict(zip(("first", "second", "flow", "valid"), map(torch.stack, zip(*pairs))))


def constancy(first: Tensor, second: Tensor, flow: Tensor, valid: Tensor) -> float:
    """Mean difference between the first pictures and what the flow finds in the second, outside occlusion."""
    height, width = flow.shape[-2:]
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = u + flow[:, 0], v + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1) & valid
    found = warp(second, flow)
    return (found - first).abs().mean(1)[inside].mean().item()


@pytest.fixture(scope="module")
def pairs() -> dict[str, Tensor]:
    return procedural_pairs(6, 96, 128)


@pytest.mark.parametrize("flips", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("scale", [(-0.3, -0.1), (0.8, 1.0)])
def test_brightness_stays_constant_along_the_flow(
    pairs: dict[str, Tensor], scale: tuple[float, float], flips: tuple[int, int]
) -> None:
    augmentation = FlowAugmentation(
        (72, 88), scale, spatial=1, stretch_probability=1, horizontal_flip=flips[0], vertical_flip=flips[1], **PLAIN
    )
    drawn = augmentation.draw(torch.arange(6), 0, (96, 128))
    augmented = augmentation(pairs, drawn)
    before = constancy(pairs["first"] / 255, pairs["second"] / 255, pairs["flow"], pairs["valid"])
    after = constancy(**augmented)
    assert after < 1.15 * before

    flow, size = augmented["flow"], drawn.scale[:, :, None, None].abs()
    wrong = {
        "the other way": -flow,
        "right is left": flow * torch.tensor([-1.0, 1.0])[:, None, None],
        "down is up": flow * torch.tensor([1.0, -1.0])[:, None, None],
        "not scaled": flow / size,
        "scaled twice": flow * size,
        "axes exchanged": flow.flip(1),
        "no motion": 0 * flow,
    }
    for mistake, mutated in wrong.items():
        worse = constancy(**{**augmented, "flow": mutated})
        assert worse > (1.6 if "scaled" in mistake else 3) * after, mistake


def test_interpolation_agrees_with_grid_sample() -> None:
    batch = random_batch(8, 20, 30)
    augmentation = FlowAugmentation((14, 18), (-0.2, 2.0), spatial=1, vertical_flip=0.5, **PLAIN)
    drawn = augmentation.draw(batch["index"], 2, (20, 30))
    augmented = augmentation(batch, drawn)
    for n in range(8):
        x, y = (drawn.origin[n, k] + torch.arange(c) / drawn.scale[n, k] for k, c in ((0, 18), (1, 14)))
        grid = torch.stack(torch.meshgrid(2 * x / 29 - 1, 2 * y / 19 - 1, indexing="xy"), -1)[None]
        second, flow = (
            F.grid_sample(batch[name][n : n + 1].float(), grid, align_corners=True)[0] for name in ("second", "flow")
        )
        torch.testing.assert_close(augmented["second"][n], second / 255, rtol=0, atol=1e-4)
        torch.testing.assert_close(augmented["flow"][n], flow * drawn.scale[n, :, None, None], rtol=0, atol=1e-3)
    assert augmented["valid"].all()


@pytest.mark.parametrize("scale", [-0.3, 0.0, 0.7, 2.0])
def test_unknown_flow_is_mixed_into_nothing(scale: float) -> None:
    batch = random_batch(4, 40, 48)
    i, j = torch.meshgrid(torch.arange(40), torch.arange(48), indexing="ij")
    batch["valid"] = ((i + j) % 2 == 0).expand(4, -1, -1)
    values = torch.stack([i % 5 + 1.0, j % 7 + 1.0])
    batch["flow"] = torch.where(batch["valid"][:, None], values, 1e4)
    augmentation = FlowAugmentation((30, 36), (scale, scale), spatial=1, **PLAIN)
    drawn = augmentation.draw(batch["index"], 4, (40, 48))
    augmented = augmentation(batch, drawn)
    original = augmented["flow"] / drawn.scale[:, :, None, None]
    for k, highest in ((0, 5), (1, 7)):
        known = original[:, k][augmented["valid"]]
        torch.testing.assert_close(known, known.round(), rtol=0, atol=1e-4)
        assert known.min() > 0.99 and known.max() < highest + 0.01
    assert augmented["valid"].float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_one_unknown_pixel_hides_only_what_is_nearest_to_it() -> None:
    batch = ramp(7, 9)
    batch["valid"] = batch["valid"].clone()
    batch["valid"][0, 3, 4] = False
    batch["flow"][0, :, 3, 4] = 0
    augmented = FlowAugmentation((4, 9), (0, 0), **PLAIN)(batch, by_hand((3, 2.75), (4, 4)))  # x 3 to 5, y 2.75 to 3.5
    x, y = 3 + torch.arange(9) / 4, 2.75 + torch.arange(4) / 4
    hidden = (x.round() == 4)[None] & (y.round() == 3)[:, None]
    assert torch.equal(augmented["valid"][0], ~hidden)
    assert augmented["flow"][0, :, 1, 0].tolist() == [12, 12]  # at (3, 3): known, whole
    assert augmented["flow"][0, :, 3, 1].tolist() == [12, 16]  # at (3.25, 3.5), beside the unknown one: of (3, 4)
    assert augmented["flow"][0, :, 0, 8].tolist() == [20, 11]  # at (5, 2.75), on a column without unknown ones


def test_batches_may_be_split() -> None:
    batch = random_batch(6, 16, 24, known=0.8)
    augmentation = FlowAugmentation((12, 20), (-0.3, 1.0), asymmetric=0.5)
    whole = augmentation(batch, augmentation.draw(batch["index"], 7, (16, 24)))
    for rows in (slice(0, 2), slice(2, 6)):
        part = {name: tensor[rows] for name, tensor in batch.items()}
        for name, tensor in augmentation(part, augmentation.draw(part["index"], 7, (16, 24))).items():
            torch.testing.assert_close(tensor, whole[name][rows], rtol=0, atol=1e-6, msg=name)


def as_torchvision(pictures: Tensor, factors: Tensor) -> Tensor:
    brightness, contrast, saturation, hue = factors.tolist()
    pictures = tvf.adjust_contrast(tvf.adjust_brightness(pictures, brightness), contrast)
    return tvf.adjust_hue(tvf.adjust_saturation(pictures, saturation), hue)


def test_colours_are_those_of_torchvision() -> None:
    batch = random_batch(12, 12, 20)
    augmentation = FlowAugmentation((12, 20), (0, 0), **{**STILL, "asymmetric": 0.5})
    drawn = augmentation.draw(batch["index"], 0, (12, 20))
    augmented = augmentation(batch, drawn)
    for n in range(12):
        first, second = batch["first"][n] / 255, batch["second"][n] / 255
        if drawn.own[n]:
            expected = [as_torchvision(p, f) for p, f in zip((first, second), drawn.colour[n])]
        else:  # one jitter of both, as one picture
            expected = list(as_torchvision(torch.cat([first, second], 1), drawn.colour[n, 0]).split(12, 1))
        for name, picture in zip(("first", "second"), expected):
            torch.testing.assert_close(augmented[name][n], picture, rtol=0, atol=2e-4)
    assert 2 < drawn.own.sum() < 10
    assert torch.equal(augmented["flow"], batch["flow"])


def test_what_looks_alike_in_both_pictures_still_does() -> None:
    batch = random_batch(5, 12, 20)
    batch["second"][..., :10] = batch["first"][..., :10]
    batch["second"][..., 10:] //= 4  # so that the pictures' means differ
    for asymmetric, alike in ((0, True), (1, False)):
        augmentation = FlowAugmentation((12, 20), (0, 0), **{**STILL, "asymmetric": asymmetric})
        augmented = augmentation(batch, augmentation.draw(batch["index"], 0, (12, 20)))
        apart = (augmented["first"] - augmented["second"])[..., :10].abs().amax((1, 2, 3))
        assert (apart < 1e-5).all() if alike else (apart > 0.05).all()


def test_arithmetic_is_float32_whatever_the_trainer_computes_in() -> None:
    batch = random_batch(2, 16, 400)  # a half-precision number cannot count its columns
    augmentation = FlowAugmentation((12, 360), (-0.3, 1.0))
    drawn = augmentation.draw(batch["index"], 0, (16, 400))
    expected = augmentation(batch, drawn)
    with torch.autocast("cpu", torch.bfloat16):
        found = augmentation(batch, drawn)
    torch.set_default_dtype(torch.bfloat16)
    try:
        again = augmentation(batch, augmentation.draw(batch["index"], 0, (16, 400)))
    finally:
        torch.set_default_dtype(torch.float32)
    assert {name: part.dtype for name, part in found.items()} == {
        "first": torch.float32, "second": torch.float32, "flow": torch.float32, "valid": torch.bool,
    }  # fmt: skip
    for name, part in expected.items():
        assert torch.equal(part, found[name]) and torch.equal(part, again[name])
