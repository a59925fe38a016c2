"""Procedural scenes: textured layers that occlude each other, in the spirit of dead leaves.

A scene is a list of layers, front to back, the last of which fills the frame. Layers follow the dead-leaves
model, whose radii have density 1/r^3 between two bounds: pictures of such scenes have the edges, the occlusion and
the 1/f^2 power spectrum of photographs (Lee, Mumford and Huang, "Occlusion models for natural images", 2001). On
top of it, what a codec should learn from photographs and what flat leaves lack: materials shared by many layers,
textures, shading, contact shadows, defocus, luma that varies more than chroma, light that changes over the frame,
lens blur and sensor noise.

Every layer also moves, rigidly and growing or shrinking. So one scene gives a still (``t = 0``), a clip, and the
exact optical flow and occlusion between any two instants. All of it is a function of (seed, index) and the size of
the frame alone; nothing but the last bit of the platform's exp and cos enters.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data import raster
from common.data.random_streams import Stream, generator
from common.data.raster import CHECKS, CLOUD, FLAT, PATCHES, TILE, WAVES
from common.data.textures import noise_tiles, sensor_noise

_F = np.float64
LAYER = np.dtype(
    [
        ("shape", np.int64),
        ("cx", _F), ("cy", _F), ("a", _F), ("b", _F), ("angle", _F),  # pixels, half axes, radians
        ("bound", _F),  # the outline lies within this many half axes
        ("cosines", _F, (raster.HARMONICS,)), ("sines", _F, (raster.HARMONICS,)),  # of a blob
        ("sides", np.int64), ("normal_u", _F, (raster.SIDES,)), ("normal_v", _F, (raster.SIDES,)),
        ("apothem", _F, (raster.SIDES,)),  # of a polygon, pixels
        ("softness", _F), ("roughness", _F), ("inverse_rough", _F),  # of the edge, pixels
        ("shadow", _F), ("shadow_width", _F),  # it casts on what is behind
        ("vx", _F), ("vy", _F), ("spin", _F), ("growth", _F),  # per unit of t
        ("texture", np.int64), ("tile", np.int64), ("first", _F, (3,)), ("second", _F, (3,)),  # linear light
        ("turn_cos", _F), ("turn_sin", _F), ("texels_u", _F), ("texels_v", _F), ("offset_u", _F), ("offset_v", _F),
        ("contrast", _F), ("threshold", _F), ("warp", _F),
        ("grain", _F), ("inverse_grain", _F), ("light_u", _F), ("light_v", _F), ("roundness", _F),
    ]
)  # fmt: skip
CAMERA = np.dtype(
    [
        ("band_limit", _F), ("noise", _F), ("noise_seed", np.uint64), ("balance", _F, (3,)),
        ("light_x", _F), ("light_y", _F), ("vignette", _F),
        ("dapple", _F), ("dapple_scale", _F), ("dapple_x", _F),
    ]
)  # fmt: skip


class Scene(NamedTuple):
    """``layers``: records of ``LAYER``, front to back, the last fills the frame. ``camera``: one of ``CAMERA``."""

    height: int
    width: int
    layers: NDArray[np.void]
    camera: NDArray[np.void]


class Motion(NamedTuple):
    """``flow``: float32 (2, H, W), pixels, horizontal first. ``occluded``: bool (H, W), unseen at the end."""

    flow: NDArray[np.float32]
    occluded: NDArray[np.bool_]


def still(seed: int, index: int, height: int, width: int) -> NDArray[np.uint8]:
    """The picture ``(H, W, 3)`` of scene (seed, index) at time 0."""
    return render(scene(seed, index, height, width))


def render(scene: Scene, t: float = 0.0) -> NDArray[np.uint8]:
    """The picture ``(H, W, 3)`` of a scene at time ``t``."""
    return _photograph(scene, t, _composite(scene, t)[0])


def motion(scene: Scene, start: float, end: float) -> Motion:
    """Exact motion of every pixel of the picture at ``start`` to its place at ``end``.

    A pixel belongs to the front-most layer that covers half of it. It is occluded when its place at ``end`` is out of
    the frame, or when that layer is seen at none of the four pixels around the place.
    """
    return _motion(scene, start, end, _composite(scene, start)[1], _composite(scene, end)[1])


def pair(scene: Scene, start: float, end: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Motion]:
    """Both pictures and ``motion`` from ``start`` to ``end``: as ``render`` and ``motion``, in half the time."""
    (light, ids), (later_light, later_ids) = _composite(scene, start), _composite(scene, end)
    seen = _motion(scene, start, end, ids, later_ids)
    return _photograph(scene, start, light), _photograph(scene, end, later_light), seen


def fastest(scene: Scene) -> float:
    """Pixels per unit of time of the fastest point of any layer, about as far from its centre as the frame reaches."""
    layers = scene.layers
    radius = np.minimum(np.maximum(layers["a"], layers["b"]), max(scene.height, scene.width) / 2)
    speed = np.hypot(layers["vx"], layers["vy"]) + (np.abs(layers["spin"]) + np.abs(layers["growth"])) * radius
    return float(speed.max())


def _composite(scene: Scene, t: float) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    light, ids = raster.composite(scene.layers, noise_tiles(), float(t), scene.height, scene.width)
    return light, ids


def _photograph(scene: Scene, t: float, light: NDArray[np.float32]) -> NDArray[np.uint8]:
    if scene.camera["band_limit"][0]:
        raster.band_limit(light, float(scene.camera["band_limit"][0]))
    picture: NDArray[np.uint8] = raster.photograph(light, scene.camera[0], noise_tiles(), sensor_noise(), float(t))
    return picture


def _motion(scene: Scene, start: float, end: float, ids: NDArray[np.int32], later_ids: NDArray[np.int32]) -> Motion:
    """Each layer moves by one similarity, x -> (along, across; -across, along) x + shift: four numbers a pixel."""
    layers = scene.layers
    turn, zoom = layers["spin"] * (end - start), np.exp(layers["growth"] * (end - start))
    along, across = zoom * np.cos(turn), zoom * np.sin(turn)
    from_x, from_y = layers["cx"] + layers["vx"] * start, layers["cy"] + layers["vy"] * start
    shift_x = layers["cx"] + layers["vx"] * end - along * from_x + across * from_y
    shift_y = layers["cy"] + layers["vy"] * end - across * from_x - along * from_y
    y, x = np.arange(scene.height, dtype=np.float64)[:, None], np.arange(scene.width, dtype=np.float64)
    along, across = along[ids], across[ids]
    to_x, to_y = along * x - across * y + shift_x[ids], across * x + along * y + shift_y[ids]
    inside = (to_x >= 0) & (to_x <= scene.width - 1) & (to_y >= 0) & (to_y <= scene.height - 1)
    left = np.clip(np.floor(to_x).astype(np.int64), 0, scene.width - 1)
    top = np.clip(np.floor(to_y).astype(np.int64), 0, scene.height - 1)
    right, low = np.minimum(left + 1, scene.width - 1), np.minimum(top + 1, scene.height - 1)
    seen = functools.reduce(
        np.logical_or,
        (later_ids[i, j] == ids for i, j in ((top, left), (top, right), (low, left), (low, right))),
    )
    return Motion(np.stack([to_x - x, to_y - y]).astype(np.float32), ~(inside & seen))


def scene(seed: int, index: int, height: int, width: int) -> Scene:
    """Scene ``index`` of the endless list ``seed`` (both >= 0), for a frame of ``height`` x ``width`` pixels."""
    rng = generator(seed, index)
    shortest = math.exp(rng.uniform(math.log(2), math.log(10)))
    longest = max(3 * shortest, max(height, width) * math.exp(rng.uniform(math.log(0.4), math.log(1.3))))
    coverage = math.exp(rng.uniform(math.log(0.3), math.log(2.5)))
    radius = _radii(rng, shortest, longest, coverage, height, width)
    count = len(radius)

    materials = _materials(rng, int(rng.integers(3, 10)), float(max(height, width)))
    popularity = rng.dirichlet(np.full(len(materials), 1.5))
    layers = materials[np.searchsorted(np.cumsum(popularity)[:-1], rng.random(count))]

    behind = rng.random(count) + rng.uniform(0, 0.6) * np.log(radius / shortest) / math.log(longest / shortest)
    order = np.argsort(behind, kind="stable")
    _place(rng, layers, radius[order], height, width)
    _focus(rng, layers)
    layers[-1]["shape"] = raster.EVERYWHERE
    layers[-1]["cx"], layers[-1]["cy"] = width / 2, height / 2
    layers[-1]["a"] = layers[-1]["b"] = max(height, width) / 1.5
    layers[-1]["roundness"] = 0
    _move(generator(seed, index, Stream.MOTION), layers, height, width)
    return Scene(height, width, layers, _camera(rng))


def _pick(rng: np.random.Generator, values: tuple[float, ...], count: int | None = None) -> NDArray[np.float64]:
    return np.array(values, np.float64)[rng.integers(len(values), size=count)]


def _radii(
    rng: np.random.Generator, shortest: float, longest: float, coverage: float, height: int, width: int
) -> NDArray[np.float64]:
    """Radii of the layers that reach into the frame: the density r^-3 times the area where a centre may lie."""
    r = np.geomspace(shortest, longest, 65)
    per_pixel = coverage / (math.pi * math.log(longest / shortest))  # layers per pixel have density this times r^-3
    middle = np.sqrt(r[1:] * r[:-1])
    expected = per_pixel * np.diff(-0.5 * r**-2) * (height + 2 * middle) * (width + 2 * middle)
    count = int(min(expected.sum(), height * width / 200)) + 2
    cumulative = np.concatenate([[0], np.cumsum(expected)]) / expected.sum()
    return np.exp(np.interp(rng.random(count), cumulative, np.log(r)))


def _palette(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """``(count, 2, 3)`` pairs of colours in linear light: luma varies most, chroma along a scene's own axis."""
    luma = rng.normal(rng.normal(0.46, 0.1), math.exp(rng.uniform(math.log(0.06), math.log(0.3))), count)
    cast = rng.normal(0, 0.025, 2)
    axis = rng.normal([-1.0, 1.0], 0.6)  # mostly from blue to orange, as daylight
    spread = rng.gamma(2.0, 0.022)
    chroma = cast + rng.normal(0, spread, (count, 1)) * axis + rng.normal(0, 0.35 * spread, (count, 2))
    ycc = np.concatenate([np.clip(luma, 0.04, 0.96)[:, None], chroma], 1)
    step = np.concatenate([rng.normal(0, 0.2, (count, 1)), rng.normal(0, 0.4 * spread, (count, 2))], 1)
    ycc = np.stack([ycc - step / 2, ycc + step / 2], 1)
    y, cb, cr = np.moveaxis(ycc, -1, 0)
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(rgb, 0.02, 0.98) ** 2


def _materials(rng: np.random.Generator, count: int, extent: float) -> NDArray[np.void]:
    """What the layers of one scene are made of: a family of outlines, a texture, two colours."""
    m = np.zeros(count, LAYER)
    m["shape"] = _pick(rng, (raster.BLOB, raster.BLOB, raster.POLYGON), count)
    m["sides"] = _pick(rng, (3, 4, 4, 4, 5, 6), count)
    m["cosines"][:, 0] = _pick(rng, (0.0, 0.0, 0.15, 0.3), count)  # the size of a blob's harmonics, drawn in _place
    m["b"] = np.exp(-np.abs(rng.normal(0, 0.7, count)))  # aspect
    m["angle"], m["spin"] = (
        rng.uniform(0, math.pi, count),
        _pick(rng, (0.05, 0.5, 3.0), count),
    )  # and its spread
    m["roughness"] = _pick(rng, (0, 0, 1.0, 2.5), count) * rng.random(count)
    m["inverse_rough"] = np.exp(-rng.uniform(-0.5, 1.5, count))
    m["shadow"] = _pick(rng, (0, 1), count) * rng.uniform(0.2, 0.9, count)
    m["shadow_width"] = m["shadow"] * rng.uniform(2, 14, count)

    m["texture"] = _pick(rng, (FLAT,) + 8 * (CLOUD,) + 3 * (PATCHES,) + 2 * (WAVES,) + (CHECKS,), count)
    m["tile"] = _pick(rng, (0, 0, 1), count)
    turn = rng.uniform(0, math.pi, count)
    m["turn_cos"], m["turn_sin"] = np.cos(turn), np.sin(turn)
    scale = np.exp(rng.uniform(0, 1, count) ** 3 * math.log(max(extent / 20, 2.0)))
    stretch = np.exp(np.abs(rng.normal(0, 0.7, count)) * _pick(rng, (0, 1), count))
    m["texels_u"], m["texels_v"] = 1 / scale, 1 / (scale * stretch)  # per pixel
    m["contrast"] = np.select(
        [m["texture"] == CLOUD, m["texture"] == PATCHES],
        [rng.uniform(0.2, 0.9, count), rng.uniform(0.4, 1.0, count) * np.minimum(2 * scale, 6)],
        rng.uniform(0.25, 0.8, count),
    )
    m["threshold"] = np.where(m["texture"] == PATCHES, rng.normal(0, 0.6, count), 0)
    m["warp"] = _pick(rng, (0.15, 1.5, 4.0), count) * rng.random(count)
    m["grain"] = _pick(rng, (0, 1, 1, 1), count) * rng.gamma(1.5, 0.14, count)
    m["inverse_grain"] = np.exp(-rng.uniform(0, 0.9, count))
    m["roundness"] = _pick(rng, (0, 1), count) * rng.uniform(0, 0.5, count)
    m["first"], m["second"] = np.moveaxis(_palette(rng, count), 1, 0)
    return m


def _place(rng: np.random.Generator, layers: NDArray[np.void], radius: NDArray[np.float64], h: int, w: int) -> None:
    """Gives each layer its own place, size, outline, colours and part of the texture; lights all from one side."""
    count = len(layers)
    layers["a"], layers["b"] = radius / np.sqrt(layers["b"]), radius * np.sqrt(layers["b"])
    layers["angle"] += layers["spin"] * rng.standard_normal(count)
    layers["cx"] = rng.random(count) * (w + 2 * radius) - radius
    layers["cy"] = rng.random(count) * (h + 2 * radius) - radius
    wobble = layers["cosines"][:, :1] * rng.standard_normal((count, 2 * raster.HARMONICS))
    wobble = np.clip(wobble, -0.35, 0.35) / (1.0 + np.arange(2 * raster.HARMONICS) % raster.HARMONICS)
    layers["cosines"], layers["sines"] = wobble[:, : raster.HARMONICS], wobble[:, raster.HARMONICS :]

    sides = layers["sides"][:, None]
    jitter = np.where(sides == 4, 0, 0.17) * rng.uniform(-1, 1, (count, raster.SIDES))
    facing = 2 * math.pi * (np.arange(raster.SIDES) + jitter) / sides
    nu, nv = np.cos(facing) / layers["a"][:, None], np.sin(facing) / layers["b"][:, None]
    norm = np.hypot(nu, nv)
    layers["normal_u"], layers["normal_v"] = nu / norm, nv / norm
    apothem = rng.uniform(0.75, 1.05, (count, raster.SIDES)) * np.cos(math.pi / sides)
    layers["apothem"] = apothem / norm
    following = np.arange(count)[:, None], (np.arange(raster.SIDES) + 1) % sides
    gap, beside = facing[following] - facing, apothem[following]
    corner = (apothem**2 + beside**2 - 2 * apothem * beside * np.cos(gap)) / np.sin(gap) ** 2  # its radius, squared
    farthest = np.where(np.arange(raster.SIDES) < sides, corner, 0).max(1) ** 0.5
    layers["bound"] = np.where(layers["shape"] == raster.POLYGON, farthest, 1 + np.abs(wobble).sum(1))

    layers["roughness"] = np.minimum(layers["roughness"], 0.15 * layers["b"])
    layers["shadow_width"] = np.minimum(layers["shadow_width"], 0.5 * layers["b"])
    layers["offset_u"], layers["offset_v"] = rng.uniform(0, TILE, (2, count))
    brightness = np.exp(rng.normal(0, rng.uniform(0.02, 0.3), (count, 1)))
    tint = np.exp(rng.normal(0, 0.03, (count, 3)))
    for colour in ("first", "second"):
        layers[colour] = np.minimum(layers[colour] * brightness * tint, 0.97)
    lamp, strength = rng.uniform(0, 2 * math.pi), _pick(rng, (0, 1)) * rng.uniform(0, 0.5)
    layers["light_u"] = strength * np.cos(lamp - layers["angle"])
    layers["light_v"] = strength * np.sin(lamp - layers["angle"])


def _focus(rng: np.random.Generator, layers: NDArray[np.void]) -> None:
    """Depth of field: away from the plane in focus, edges soften and textures lose their detail."""
    aperture = _pick(rng, (0, 0, 0, 1)) * rng.uniform(2, 12)
    depth = np.linspace(0, 1, len(layers))
    layers["softness"] = 1.0 + aperture * np.maximum(np.abs(depth - rng.uniform(0, 1)) - 0.15, 0)
    layers["roughness"] /= layers["softness"]
    layers["grain"] /= layers["softness"]
    for texels in ("texels_u", "texels_v"):
        layers[texels] = np.minimum(layers[texels], 1 / layers["softness"])


def _move(rng: np.random.Generator, layers: NDArray[np.void], height: int, width: int) -> None:
    """A camera that pans, and layers of their own mind: most follow the camera, by their depth."""
    count, extent = len(layers), max(height, width)
    pan, depth = rng.normal(0, 0.012 * extent, 2), np.linspace(1.0, rng.uniform(0.2, 1.0), count)
    free = rng.random(count) < 0.3
    layers["vx"], layers["vy"] = depth * pan[:, None] + free * rng.normal(0, 0.012 * extent, (2, count))
    layers["spin"] = free * rng.normal(0, 0.03, count)
    layers["growth"] = free * rng.normal(0, 0.015, count)


def _camera(rng: np.random.Generator) -> NDArray[np.void]:
    camera = np.zeros(1, CAMERA)
    camera["band_limit"] = float(_pick(rng, (0, 0, 0.2, -0.15))) * rng.random()
    camera["noise"] = _pick(rng, (0, 1, 1)) * rng.gamma(1.5, 1.2)  # standard deviation, levels
    camera["noise_seed"] = rng.integers(0, 2**63)
    camera["balance"] = np.exp(rng.normal(0, 0.04, 3))
    camera["light_x"], camera["light_y"] = rng.normal(0, 0.25, 2)
    camera["vignette"] = _pick(rng, (0, 1)) * rng.uniform(0, 0.2)
    camera["dapple"], camera["dapple_scale"] = _pick(rng, (0, 1)) * rng.uniform(0, 0.25), rng.uniform(3, 25)
    camera["dapple_x"] = rng.uniform(0, TILE)
    return camera
