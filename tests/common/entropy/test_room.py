"""What a header claims is held against the stream's length before memory is asked for."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from support import shaken

from common.entropy import rans
from common.entropy.container import Header, Level, pack
from common.entropy.models import EntropyBottleneck
from common.entropy.packet import PacketReader, PacketWriter, stack
from common.entropy.room import check_room
from common.errors import StreamError
from lic_image.codecs.factorized import Factorized
from lic_image.files import ImageFiles


def test_what_an_encoder_writes_always_fits() -> None:
    """The likeliest symbols only, which take least, under tables of all kinds: one has a symbol of 65535 slots."""
    for slots in (
        [65535, 1],
        [65534, 2],
        [60000, 5536],
        [32768, 32768],
        [40000, 25536],
        [20000, 25536, 20000],
        [1000, 63536, 1000],
    ):
        cdf = np.concatenate([[0], np.cumsum(slots)]).astype(np.int32)[None]
        tables = rans.make_tables(cdf, np.array([len(slots) + 1]), np.array([0]))
        for count in (1, 7, 1000, 100_000):
            symbols = np.full(count, np.argmax(slots), np.int32)
            for short in (False, True):
                stream = rans.encode(symbols, np.zeros(count, np.int32), tables, short)
                check_room(tables, (count,), len(stream), short)


def test_a_bottleneck_refuses_what_cannot_be_there() -> None:
    model = shaken(EntropyBottleneck(4))
    z = torch.zeros(1, 4, 8, 8)
    (stream,) = model.compress(z)
    writer = PacketWriter(stack([model]))
    writer.channels(model, z)
    (short,) = writer.finish(short=True)
    refused = pytest.raises(StreamError, match=r"more than its .* bytes can hold")
    with patch.object(rans, "decode", side_effect=AssertionError), refused:
        model.decompress([stream], (1024, 1024))
    with refused:
        PacketReader(stack([model]), [short]).channels(model, (1024, 1024))


def test_a_file_of_hundred_bytes_asks_for_no_gigabytes() -> None:
    """16384x16384 pixels, within the limit: 126 million symbols, of which not one is made room for."""
    files = ImageFiles(Factorized(4, 120), "x")
    header = Header(b"I", "x", files.digest, 16384, 16384, False)
    data = pack(header, [Level([bytes(7) + b"\1" + bytes(80)], 0)])
    refused = pytest.raises(StreamError, match="more than its 88 bytes can hold")
    with patch.object(np, "empty", side_effect=AssertionError("memory is asked for")), refused:
        files.decode(data)
