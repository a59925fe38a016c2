"""Draws the layers of a scene: front to back, each pixel shaded until it is opaque.

    layers ──▶ composite ──▶ linear light (H, W, 3), ids (H, W) ──▶ photograph ──▶ uint8 (H, W, 3)

Light adds and is occluded in linear light; the display curve is a square root (gamma 2), which is exact arithmetic on
every platform and under which photon noise has the same size at every brightness.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from common.compiled import jit

BLOB, POLYGON, EVERYWHERE = range(3)
FLAT, CLOUD, PATCHES, WAVES, CHECKS = range(5)
TILE = 256  # pixels a side of the periodic noise tiles: all of them stay in a core's cache
NOISE_RUN = 1024  # neighbours whose sensor noise is read in one go
HARMONICS = 3  # of a blob's outline: the second, third and fourth
SIDES = 6  # of a polygon, at most
OPAQUE = 0.002  # a pixel which lets through less than this is finished


@numba.njit(inline="always")
def sample(tiles, k, x, y):  # type: ignore[no-untyped-def]
    """Bilinear look-up in the periodic tile ``k``, at any coordinates over -2^20."""
    x, y = x + 1048576.0, y + 1048576.0  # so that truncation rounds down
    j, i = int(x), int(y)
    ax, ay = x - j, y - i
    j0, i0 = np.uint32(j & (TILE - 1)), np.uint32(i & (TILE - 1))  # unsigned: no check for negative indices
    j1, i1 = np.uint32((j + 1) & (TILE - 1)), np.uint32((i + 1) & (TILE - 1))
    top = tiles[k, i0, j0] + ax * (tiles[k, i0, j1] - tiles[k, i0, j0])
    low = tiles[k, i1, j0] + ax * (tiles[k, i1, j1] - tiles[k, i1, j0])
    return top + ay * (low - top)


@numba.njit(inline="always")
def wave(x):  # type: ignore[no-untyped-def]
    """A sine of period 4 made of parabolas: exact arithmetic, so the same on every platform."""
    x = 0.25 * x + 1048576.0
    x -= int(x)
    return 16.0 * x * (0.5 - x) if x < 0.5 else -16.0 * (x - 0.5) * (1.0 - x)


@numba.njit(inline="always")
def mixture(paint, u, v, tiles):  # type: ignore[no-untyped-def]
    """A texture: ``s(u, v)`` in [0, 1], which mixes two colours, at a layer's own coordinates in pixels.

    ``p, q`` are these coordinates turned, stretched and shifted, ``n`` a noise tile, ``w`` a wave of period 4:

        FLAT     s = 0
        CLOUD    s = 1/2 + c n(p, q)                     1/f noise: skin, sky, stone, cloth
        PATCHES  s = 1/2 + c (n(p, q) - threshold)       steep: lichen, foliage, camouflage
        WAVES    s = 1/2 + c w(p + warp n(p/4, q/4))     gratings, wood grain, ripples
        CHECKS   s = 1/2 + c w(p) w(q)                   checks, tiles, weave
    """
    if paint.texture == FLAT:
        return 0.0
    p = (u * paint.turn_cos + v * paint.turn_sin) * paint.texels_u + paint.offset_u
    q = (v * paint.turn_cos - u * paint.turn_sin) * paint.texels_v + paint.offset_v
    if paint.texture == CHECKS:
        s = 0.5 + paint.contrast * wave(p) * wave(q)
    elif paint.texture == WAVES:
        s = 0.5 + paint.contrast * wave(p + paint.warp * sample(tiles, 0, 0.25 * p, 0.25 * q))
    else:
        s = 0.5 + paint.contrast * (sample(tiles, paint.tile, p, q) - paint.threshold)
    return min(max(s, 0.0), 1.0)


@numba.njit(error_model="numpy")
def blob_row(distance, left, right, x, y, step_x, step_y, inverse_a, inverse_b, outline):  # type: ignore[no-untyped-def]
    """Signed distances in pixels, negative inside, of a row of pixels to ``rho = 1 + sum of harmonics of the angle``.

    ``x, y``: of column 0, in half axes. First order: exact near the outline of an ellipse.
    """
    one, tiny = np.float32(1), np.float32(1e-12)
    a2, a3, a4, b2, b3, b4 = outline[0], outline[1], outline[2], outline[3], outline[4], outline[5]
    for j in range(left, right):
        xj, yj = x + step_x * np.float32(j), y + step_y * np.float32(j)
        rho = np.sqrt(xj * xj + yj * yj + tiny)
        xa, yb = xj * inverse_a, yj * inverse_b
        c1, s1 = xj / rho, yj / rho
        c2, s2 = c1 * c1 - s1 * s1, c1 * s1 + s1 * c1
        c3, s3 = c2 * c1 - s2 * s1, c2 * s1 + s2 * c1
        c4, s4 = c2 * c2 - s2 * s2, c2 * s2 + s2 * c2
        radius = one + a2 * c2 + b2 * s2 + a3 * c3 + b3 * s3 + a4 * c4 + b4 * s4
        distance[j] = (rho - radius) * rho / np.sqrt(xa * xa + yb * yb + tiny)


@numba.njit(error_model="numpy")
def polygon_row(distance, left, right, u, v, step_u, step_v, sides, count):  # type: ignore[no-untyped-def]
    """As ``blob_row``, to the nearest of a convex polygon's sides; ``u, v`` of column 0 in pixels."""
    for j in range(left, right):
        distance[j] = np.float32(-1e9)
    for k in range(count):
        start = np.float32(u * sides[k, 0] + v * sides[k, 1] - sides[k, 2])
        step = np.float32(step_u * sides[k, 0] + step_v * sides[k, 1])
        for j in range(left, right):
            distance[j] = max(distance[j], start + step * np.float32(j))


class Paint(NamedTuple):
    """How a layer is painted: the fields of ``scenes.LAYER`` as plain scalars, which compiled code keeps at hand."""

    texture: int
    tile: int
    turn_cos: float
    turn_sin: float
    texels_u: float
    texels_v: float
    offset_u: float
    offset_v: float
    contrast: float
    threshold: float
    warp: float


@jit
def composite(layers, tiles, t, height, width):  # type: ignore[no-untyped-def]
    """Linear light ``(H, W, 3)`` float32, and ``(H, W)`` int32: which layer is seen at each pixel."""
    light = np.zeros((height, width, 3), np.float32)
    through = np.ones((height, width), np.float32)
    distances = np.full(width, np.float32(-1e9))
    ids = np.full((height, width), -1, np.int32)
    outline, sides = np.empty(2 * HARMONICS, np.float32), np.empty((SIDES, 3))
    for n in range(len(layers)):
        layer = layers[n]
        shape, offset = layer.shape, layer.offset_v
        zoom = math.exp(layer.growth * t)
        cos, sin = math.cos(layer.angle + layer.spin * t), math.sin(layer.angle + layer.spin * t)
        cx, cy = layer.cx + layer.vx * t, layer.cy + layer.vy * t
        step_u, step_v = cos / zoom, -sin / zoom
        inverse_a, inverse_b, inverse_softness = 1.0 / layer.a, 1.0 / layer.b, 1.0 / layer.softness
        inverse_rough, inverse_grain = layer.inverse_rough, layer.inverse_grain
        roughness, grain = layer.roughness, layer.grain
        shadow, shadow_width = layer.shadow, layer.shadow_width
        light_u, light_v, roundness = layer.light_u, layer.light_v, layer.roundness
        edge = 0.5 * layer.softness + 4.0 * roughness
        margin = edge + shadow_width
        r0, g0, b0 = layer.first[0], layer.first[1], layer.first[2]
        r1, g1, b1 = layer.second[0] - r0, layer.second[1] - g0, layer.second[2] - b0
        paint = Paint(
            layer.texture, layer.tile, layer.turn_cos, layer.turn_sin, layer.texels_u, layer.texels_v,
            layer.offset_u, layer.offset_v, layer.contrast, layer.threshold, layer.warp,
        )  # fmt: skip
        outline[:HARMONICS], outline[HARMONICS:] = layer.cosines, layer.sines
        sides[:, 0], sides[:, 1], sides[:, 2] = layer.normal_u, layer.normal_v, layer.apothem
        side_count = layer.sides
        top, bottom, square, lean, narrowing = 0, height, 1.0, 0.0, 0.0
        a, b = layer.bound * layer.a + margin, layer.bound * layer.b + margin
        if shape != EVERYWHERE:
            a, b = (
                a * zoom,
                b * zoom,
            )  # each row crosses this ellipse from cx + lean dy - half to cx + lean dy + half
            square = (cos / a) ** 2 + (sin / b) ** 2
            lean = -cos * sin * (1.0 / (a * a) - 1.0 / (b * b)) / square
            narrowing = 1.0 / (a * b * square) ** 2
            tall = math.sqrt((a * sin) ** 2 + (b * cos) ** 2)
            top, bottom = max(0, int(cy - tall)), min(height, int(cy + tall) + 2)
        for i in range(top, bottom):
            left, right = 0, width
            if shape != EVERYWHERE:
                dy = i - cy
                middle, half = cx + lean * dy, math.sqrt(max(1.0 / square - narrowing * dy * dy, 0.0))
                left, right = max(0, int(middle - half)), min(width, int(middle + half) + 2)
            while left < right and through[i, left] < OPAQUE:
                left += 1
            while left < right and through[i, right - 1] < OPAQUE:
                right -= 1
            u, v = (sin * (i - cy) - cos * cx) / zoom, (cos * (i - cy) + sin * cx) / zoom  # of column 0
            if shape == BLOB:
                x, y, step_x, step_y = u * inverse_a, v * inverse_b, step_u * inverse_a, step_v * inverse_b
                blob_row(
                    distances, left, right, np.float32(x), np.float32(y), np.float32(step_x), np.float32(step_y),
                    np.float32(inverse_a), np.float32(inverse_b), outline,
                )  # fmt: skip
            elif shape == POLYGON:
                polygon_row(distances, left, right, u, v, step_u, step_v, sides, side_count)
            else:
                distances[:] = -1e9
            for j in range(left, right):
                open_, distance = through[i, j], distances[j]
                if open_ < OPAQUE or distance > margin:
                    continue
                uj, vj = u + step_u * j, v + step_v * j
                alpha, rest = 1.0, 0.0
                if distance > -edge:
                    if roughness > 0:
                        distance += roughness * sample(tiles, 0, uj * inverse_rough + offset, vj * inverse_rough)
                    alpha = min(max(0.5 - distance * inverse_softness, 0.0), 1.0)
                    alpha *= alpha * (3.0 - 2.0 * alpha)
                    rest = 1.0 - alpha
                    if 0.0 < distance < shadow_width:
                        shade = 1.0 - distance / shadow_width
                        side = 0.5 + 0.5 * (uj * light_u + vj * light_v) / (abs(uj) + abs(vj) + 1.0)
                        rest *= 1.0 - shadow * shade * shade * side
                through[i, j] = open_ * rest
                if alpha <= 0.0:
                    continue
                if alpha >= 0.5 and ids[i, j] < 0:
                    ids[i, j] = n
                s = mixture(paint, uj, vj, tiles)
                x, y = uj * inverse_a, vj * inverse_b
                gain = 1.0 - light_u * x - light_v * y - roundness * (x * x + y * y)
                if grain > 0:
                    gain *= 1.0 + grain * sample(tiles, 2, uj * inverse_grain, vj * inverse_grain)
                gain = open_ * alpha * max(gain, 0.08)
                light[i, j, 0] += gain * (r0 + s * r1)
                light[i, j, 1] += gain * (g0 + s * g1)
                light[i, j, 2] += gain * (b0 + s * b1)
    return light, ids


@jit
def band_limit(light, side):  # type: ignore[no-untyped-def]
    """Convolves rows and columns with ``[side, 1 - 2 side, side]``, the borders replicated: a lens, or sharpening."""
    height, width, _ = light.shape
    rows = np.empty_like(light)
    for i in range(height):
        up, down = max(i - 1, 0), min(i + 1, height - 1)
        for j in range(width):
            for c in range(3):
                rows[i, j, c] = (1 - 2 * side) * light[i, j, c] + side * (light[up, j, c] + light[down, j, c])
    for i in range(height):
        for j in range(width):
            before, after = max(j - 1, 0), min(j + 1, width - 1)
            for c in range(3):
                light[i, j, c] = (1 - 2 * side) * rows[i, j, c] + side * (rows[i, before, c] + rows[i, after, c])


@jit
def photograph(light, camera, tiles, noise, t):  # type: ignore[no-untyped-def]
    """What a camera (a record of ``scenes.CAMERA``) makes of linear light: uint8 ``(H, W, 3)``.

    ``noise``: a long float32 list of deviations, red, green and blue in turn; a row gets pieces of it.
    """
    height, width, _ = light.shape
    picture = np.empty((height, width, 3), np.uint8)
    flat_light, flat_picture = light.reshape(-1), picture.reshape(-1)  # one loop over a row's values vectorises
    gains, grain = np.empty(3 * width, np.float32), np.zeros(3 * width, np.float32)
    side = 1.0 / max(height, width)
    strength, places = np.float32(camera.noise), np.uint64(len(noise) // 3 - NOISE_RUN)
    seed = np.uint64(camera.noise_seed) ^ (np.uint64(int(t * 65536.0)) * np.uint64(0x9E3779B97F4A7C15))
    balance = 65025.0 * camera.balance[0], 65025.0 * camera.balance[1], 65025.0 * camera.balance[2]
    light_x, light_y, vignette, dapple = camera.light_x, camera.light_y, camera.vignette, camera.dapple
    dapple_scale, dapple_x = camera.dapple_scale, camera.dapple_x
    for i in range(height):
        y = (2 * i + 1 - height) * side
        for j in range(width):
            x = (2 * j + 1 - width) * side
            gain = 1.0 + light_x * x + light_y * y - vignette * (x * x + y * y)
            if dapple > 0:
                gain += dapple * sample(tiles, 0, dapple_scale * x + dapple_x, dapple_scale * y)
            gain = max(gain, 0.1)
            gains[3 * j], gains[3 * j + 1], gains[3 * j + 2] = gain * balance[0], gain * balance[1], gain * balance[2]
        if strength > 0:
            for first in range(0, width, NOISE_RUN):  # splitmix64 of the place gives the place in the list
                bits = np.uint64(i * width + first) + seed
                bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                start = int((bits ^ (bits >> np.uint64(31))) % places)
                for k in range(3 * min(NOISE_RUN, width - first)):
                    grain[3 * first + k] = strength * noise[3 * start + k]
        row = 3 * width * i
        for k in range(3 * width):
            value = np.sqrt(gains[k] * max(flat_light[row + k], np.float32(0))) + grain[k] + np.float32(0.5)
            flat_picture[row + k] = np.uint8(np.int32(min(max(value, np.float32(0)), np.float32(255))))
    return picture
