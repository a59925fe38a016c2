import base64
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from common.data.image_io import check_header, read_picture, write_picture
from common.errors import LicError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def png(path: Path, width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> Path:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + extra + body)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.webp", "a.tif", "a.tiff", "a.bmp", "a.ppm"])
@pytest.mark.parametrize("size", [(7, 5), (1, 1), (17, 33)])
def test_what_is_written_is_read(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    rgb = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    write_picture(tmp_path / name, rgb)
    picture = read_picture(tmp_path / name)
    np.testing.assert_array_equal(picture.rgb, rgb)
    assert picture.rgb.flags.c_contiguous and picture.rgb.dtype == np.uint8
    assert not picture.grey and picture.notes == ()
    assert [file.name for file in tmp_path.iterdir()] == [name]  # no temporary file is left


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.bmp", "a.ppm"])
def test_grey_is_written_as_the_mean_of_the_channels(tmp_path: Path, name: str) -> None:
    rgb = np.array([[[10, 11, 11], [10, 10, 11], [255, 255, 255], [0, 0, 0]]], np.uint8)
    write_picture(tmp_path / name, rgb, grey=True)
    picture = read_picture(tmp_path / name)
    np.testing.assert_array_equal(picture.rgb, np.repeat(np.uint8([[[11], [10], [255], [0]]]), 3, 2))
    assert picture.grey == (name not in ("a.webp", "a.ppm"))


@pytest.mark.parametrize("name", ["a.jpg", "a.avif", "a", "a.gif"])
def test_lossy_formats_are_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(LicError, match="lossless"):
        write_picture(tmp_path / name, RGB)


def test_writing_fails_clearly(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="no folder"):
        write_picture(tmp_path / "missing" / "a.png", RGB)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(LicError, match="cannot be written"):
        write_picture(tmp_path / "folder.png", RGB)
    with pytest.raises(LicError, match=r"another format, such as \.png"):
        write_picture(tmp_path / "wide.webp", np.zeros((1, 20000, 3), np.uint8))
    assert [file.name for file in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("name", ["a.jpg", "a.avif", "a.webp"])
def test_lossy_formats_are_read(tmp_path: Path, name: str) -> None:
    smooth = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], 16, 0) * np.ones(3, np.uint8)
    picture = read_picture(save(tmp_path / name, Image.fromarray(smooth), quality=95))
    assert picture.rgb.shape == (16, 32, 3) and not picture.grey and picture.notes == ()
    assert np.abs(picture.rgb.astype(int) - smooth).mean() < 3


def test_grey_modes(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    for name in ("a.png", "a.tif", "a.bmp", "a.pgm"):
        picture = read_picture(save(tmp_path / name, Image.fromarray(grey)))
        assert picture.grey and picture.notes == ()
        np.testing.assert_array_equal(picture.rgb, np.repeat(grey[..., None], 3, 2))
    assert read_picture(save(tmp_path / "a.jpg", Image.fromarray(grey))).grey
    picture = read_picture(save(tmp_path / "b.png", Image.fromarray(grey > 127)))
    np.testing.assert_array_equal(picture.rgb[..., 1], np.where(grey > 127, 255, 0))
    assert picture.grey
    two_bits = read_picture(png(tmp_path / "c.png", 4, 1, 2, 0, bytes([0, 0b00011011])))
    np.testing.assert_array_equal(two_bits.rgb[0, :, 2], [0, 85, 170, 255])


def test_palettes_are_exact(tmp_path: Path) -> None:
    palette = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    indices = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    for name in ("a.png", "a.bmp", "a.tif"):
        picture = read_picture(save(tmp_path / name, image))
        np.testing.assert_array_equal(picture.rgb, palette[indices])
        assert not picture.grey and picture.notes == ()


def test_alpha(tmp_path: Path) -> None:
    alpha = np.full((7, 5, 1), 255, np.uint8)
    opaque = save(tmp_path / "a.png", Image.fromarray(np.concatenate([RGB, alpha], 2)))
    picture = read_picture(opaque)
    np.testing.assert_array_equal(picture.rgb, RGB)
    assert len(picture.notes) == 1 and "dropped" in picture.notes[0]

    alpha[0, 0], alpha[0, 1] = 0, 51  # 51 / 255 = 1 / 5
    clear = save(tmp_path / "b.png", Image.fromarray(np.concatenate([RGB, alpha], 2)))
    with pytest.raises(LicError, match="--background COLOUR"):
        read_picture(clear)
    picture = read_picture(clear, background="#0a64c8")
    np.testing.assert_array_equal(picture.rgb[0, 0], [10, 100, 200])
    expected = RGB[0, 1] * 0.2 + np.array([10, 100, 200]) * 0.8
    np.testing.assert_allclose(picture.rgb[0, 1], expected, atol=1)
    np.testing.assert_array_equal(picture.rgb[1:], RGB[1:])
    assert "laid over #0a64c8" in picture.notes[0]
    with pytest.raises(LicError, match="not a colour"):
        read_picture(clear, background="mauvish")


def test_other_kinds_of_transparency(tmp_path: Path) -> None:
    grey_alpha = np.stack([RGB[..., 0], np.full((7, 5), 255, np.uint8)], 2)
    picture = read_picture(save(tmp_path / "a.png", Image.fromarray(grey_alpha, "LA")))
    assert picture.grey and "dropped" in picture.notes[0]
    grey_alpha[0, 0, 1] = 0
    path = save(tmp_path / "a.png", Image.fromarray(grey_alpha, "LA"))
    assert read_picture(path, "white").grey and not read_picture(path, "red").grey

    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([1, 2, 3, 4, 5, 6])
    path = save(tmp_path / "b.png", palette, transparency=1)
    with pytest.raises(LicError, match="--background"):
        read_picture(path)
    np.testing.assert_array_equal(read_picture(path, "white").rgb, [[[1, 2, 3], [255, 255, 255]]])

    keyed = save(tmp_path / "c.png", Image.fromarray(RGB), transparency=tuple(int(v) for v in RGB[0, 0]))
    np.testing.assert_array_equal(read_picture(keyed, "black").rgb[0, 0], [0, 0, 0])


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_refused(tmp_path: Path, colour: int, channels: int) -> None:
    path = png(tmp_path / "a.png", 2, 1, 16, colour, bytes(1 + 2 * 2 * channels))
    for read in (read_picture, check_header):
        with pytest.raises(LicError, match=r"16 bits a channel and lic codes 8.*convert"):
            read(path)


def test_deep_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6 # deep\n2 1\n# more\n1023\n" + bytes(12))
    (tmp_path / "a.pgm").write_bytes(b"P5\n2 1\n65535\n" + bytes(4))
    save(tmp_path / "a.tif", Image.fromarray(np.zeros((2, 2), np.uint16)))
    save(tmp_path / "b.tif", Image.fromarray(np.zeros((2, 2), np.float32)))
    save(tmp_path / "c.tif", Image.fromarray(np.zeros((2, 2), np.int32)))
    for name, bits in (("a.ppm", 10), ("a.pgm", 16), ("a.tif", 16), ("b.tif", 32), ("c.tif", 32)):
        with pytest.raises(LicError, match=f"{bits} bits a channel"):
            read_picture(tmp_path / name)


def test_16_bit_rgb_tiff_is_refused(tmp_path: Path) -> None:
    tags = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 220)]
    tags += [(277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    path = tmp_path / "a.tif"
    path.write_bytes(head.ljust(200, b"\0") + struct.pack("<HHH", 16, 16, 16).ljust(20, b"\0") + bytes(6))
    with pytest.raises(LicError, match="16 bits a channel"):
        read_picture(path)


TEN_BIT_AVIF = (  # 64 x 64, flat, made with SVT-AV1 as yuv420p10le
    "c-muNU{FXasVqn=%S>Yc0uY^>nP!-qnV9D5Xy^nK`k9+rlE?r7`WY!XMNl?FL1uCZ0}==T@=J?SJreU$a#F#n_zE&ha=~(pKrEM;"
    "lb;OYxPbVK5K%@&AT0~T8kw1SX>hetKu#(Xl$Tg$VCbBmlMgmCE3=@e07!dh79{5bX_3t0f>fvr9H3aBAhRM9B*4tY#Ra5z63Yyo"
    "8yS2+Lc+=UIYoKNITZ{{U<d@_nFYBp9|9f5!pPLj0%WS@rX-et^)s#i-y3hiVZ<-Mu#1UXC(x0BfrDY{^&J4yQ#j8"
)


def test_10_bit_avif_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.avif").write_bytes(zlib.decompress(base64.b85decode(TEN_BIT_AVIF)))
    with Image.open(tmp_path / "a.avif") as image:
        assert image.mode == "RGB"  # which is why the header is asked
    for read in (read_picture, check_header):
        with pytest.raises(LicError, match="10 bits a channel"):
            read(tmp_path / "a.avif")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.avif"])
def test_exif_orientation_is_applied(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate a quarter turn clockwise to show
    rgb = np.zeros((16, 32, 3), np.uint8)
    rgb[:, :16] = 255
    options = {"lossless": True} if name == "a.webp" else {}
    picture = read_picture(save(tmp_path / name, Image.fromarray(rgb), exif=exif, **options))
    assert picture.rgb.shape == (32, 16, 3)
    np.testing.assert_allclose(picture.rgb[:12], 255, atol=8)
    np.testing.assert_allclose(picture.rgb[20:], 0, atol=8)
    assert len(picture.notes) == 1 and "upright" in picture.notes[0]


def test_animations_and_pages_are_refused(tmp_path: Path) -> None:
    other = [Image.fromarray(255 - RGB)]
    for name in ("a.png", "a.webp", "a.tif", "a.avif"):
        path = save(tmp_path / name, Image.fromarray(RGB), save_all=True, append_images=other)
        with pytest.raises(LicError, match="2 frames or pages"):
            read_picture(path)


def test_the_first_picture_of_a_phone_is_taken(tmp_path: Path) -> None:
    first = Image.new("RGB", (32, 16), (200, 50, 50))
    path = save(tmp_path / "a.mpo", first, save_all=True, append_images=[Image.new("RGB", (32, 16))])
    picture = read_picture(path.rename(tmp_path / "a.jpg"))
    np.testing.assert_allclose(picture.rgb, np.broadcast_to([200, 50, 50], (16, 32, 3)), atol=3)
    assert "holds 2 pictures" in picture.notes[0]


def display_profile(red_to_blue: bool) -> bytes:
    """sRGB's own profile; with its red and blue primaries exchanged for a profile that visibly moves colours."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ") if red_to_blue else data


def test_icc_profiles(tmp_path: Path) -> None:
    picture = read_picture(save(tmp_path / "a.png", Image.fromarray(RGB), icc_profile=display_profile(False)))
    np.testing.assert_array_equal(picture.rgb, RGB)
    assert picture.notes == ()

    picture = read_picture(save(tmp_path / "b.png", Image.fromarray(RGB), icc_profile=display_profile(True)))
    np.testing.assert_allclose(picture.rgb, RGB[..., ::-1], atol=2)
    assert len(picture.notes) == 1 and "ICC profile" in picture.notes[0]

    path = save(tmp_path / "c.png", Image.fromarray(RGB), icc_profile=b"no profile at all")
    with pytest.raises(LicError, match="ICC profile that cannot be applied"):
        read_picture(path)
    grey = save(tmp_path / "d.png", Image.fromarray(RGB[..., 0]), icc_profile=display_profile(False))
    assert read_picture(grey).grey


def test_cmyk_and_lab(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)))
    for read in (read_picture, check_header):
        with pytest.raises(LicError, match="CMYK"):
            read(path)
    with pytest.raises(LicError, match="LAB"):
        read_picture(save(tmp_path / "a.tif", Image.new("LAB", (8, 8))))


def test_a_strange_gamma_is_noted(tmp_path: Path) -> None:
    def gamma(value: int) -> bytes:
        data = b"gAMA" + struct.pack(">I", value)
        return struct.pack(">I", 4) + data + struct.pack(">I", zlib.crc32(data))

    assert "gamma of 1" in read_picture(png(tmp_path / "a.png", 1, 1, 8, 2, bytes(4), gamma(100000))).notes[0]
    assert read_picture(png(tmp_path / "b.png", 1, 1, 8, 2, bytes(4), gamma(45455))).notes == ()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.avif", "a.bmp", "a.ppm"])
def test_damage(tmp_path: Path, name: str) -> None:
    big = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = save(tmp_path / name, Image.fromarray(big)).read_bytes()
    for cut in (0, 1, 10, 30, len(data) // 2):
        (tmp_path / name).write_bytes(data[:cut])
        with pytest.raises(LicError, match=r"damaged|not a picture"):
            read_picture(tmp_path / name)


def test_what_is_not_a_picture(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="does not exist"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(LicError, match="is a folder"):
        read_picture(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(LicError, match="not a picture"):
        read_picture(tmp_path / "text.png")
    save(tmp_path / "a.gif", Image.fromarray(RGB))
    with pytest.raises(LicError, match="not a picture"):
        read_picture(tmp_path / "a.gif")


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", 60000, 60000, 8, 2, b"")
    with pytest.raises(LicError, match="more pixels"):
        read_picture(path)
