"""What codecs share whose latent is coded in raster order (`common.entropy.raster`)."""

from collections.abc import Sequence

from torch import Tensor

from common.entropy.mixture_packet import MixtureReader, MixtureWriter
from common.entropy.raster import ONE_GROUP, RasterLikelihoods, RasterReader, RasterWriter
from common.entropy.walks import WalkedLatents


class RasterLatents(WalkedLatents):
    """`WalkedLatents` whose `walk` calls `raster`: M channels of y, in `groups`."""

    M: int
    groups: Sequence[slice] = ONE_GROUP

    def likelihoods(self, y: Tensor) -> RasterLikelihoods:
        return RasterLikelihoods(self.gaussian_conditional, y)

    def writing(self, y: Tensor, writers: Sequence[MixtureWriter]) -> RasterWriter:
        return RasterWriter(y, writers, groups=self.groups)

    def reading(self, size: tuple[int, int], readers: Sequence[MixtureReader]) -> RasterReader:
        return RasterReader(self.M, size, readers)

    def new_writer(self) -> MixtureWriter:
        return MixtureWriter()

    def new_reader(self, string: bytes) -> MixtureReader:
        return MixtureReader(string)
