"""A video codec of named parts: DVC and the thesis's codec are two configurations of it, an ablation swaps a part.

    frame ─┬ motion estimation ─ flow ─ motion codec ─ flow_hat ┐
    ref ───┤                                                     ├ motion compensation ─ prediction ┐
           └─────────────────────────────────────────────────────┘                                  │
    frame - prediction ─ residual codec ─ residual_hat ──────────────────────────── artifact reduction ─ x_hat

G. Lu et al.: "DVC: An end-to-end deep video compression framework", CVPR 2019; A. A. Jeny: "Optical flow-based media
compression", thesis, Istanbul 2022, chapter 5 (its "concatenated" frame and prediction are subtracted, as in DVC).
`ref` is the decoded frame that the group of pictures names. Everything that encoder and decoder must agree on is
computed in one place, `reconstruct`.
"""

import math
from collections.abc import Collection

import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.capabilities import CodesIntoPackets, MovesWithLambda, StartsFromData
from common.entropy import exact
from common.entropy.packet import PacketReader, PacketWriter, Stack, Stacks
from common.entropy.tables import TableModel
from common.errors import LicError
from common.layers.pyramid_start import optimal_step
from lic_video.codecs.contract import Coded, Intermediates, VideoCodec, Written
from lic_video.gop import Gop
from lic_video.parts.coded_map import STEP
from lic_video.parts.image_in_packet import read_image, write_image
from lic_video.parts.motion_estimation import MotionEstimation
from lic_video.parts.protocols import CodesMaps, CompensatesMotion, EstimatesMotion, ReducesArtifacts


class PredictiveCodec(VideoCodec):
    """The codec.

    Args:
        motion_estimation, …, artifact_reduction: the parts, see `lic_video.parts.protocols`.
        intra: an image codec for I frames.
        gop: the structure of a group of pictures.
    """

    def __init__(
        self,
        motion_estimation: EstimatesMotion,
        motion_codec: CodesMaps,
        motion_compensation: CompensatesMotion,
        residual_codec: CodesMaps,
        artifact_reduction: ReducesArtifacts,
        intra: CompressionModel,
        gop: Gop,
    ) -> None:
        super().__init__(gop)
        self.motion_estimation = motion_estimation
        self.motion_codec = motion_codec
        self.motion_compensation = motion_compensation
        self.residual_codec = residual_codec
        self.artifact_reduction = artifact_reduction
        self.intra = intra
        self.downsampling = math.lcm(STEP, intra.downsampling, getattr(residual_codec, "multiple", STEP))
        self._stacks = Stacks()

    def forward(self, frame: Tensor, reference: Tensor) -> Coded:
        motion = self.motion_forward(frame, reference)
        residual = self.residual_codec(frame - motion.x_hat)
        x_hat = self.artifact_reduction(motion.x_hat, residual.x_hat)
        likelihoods = {f"residual.{name}": p for name, p in residual.likelihoods.items()}
        assert motion.intermediates is not None
        summed = motion.x_hat + residual.x_hat
        intermediates = motion.intermediates._replace(residual_hat=residual.x_hat, before=summed)
        return Coded(x_hat, {**motion.likelihoods, **likelihoods}, intermediates)

    def motion_forward(self, frame: Tensor, reference: Tensor) -> Coded:
        """A P frame up to its prediction, which is taken for the decoded frame."""
        flow = self.motion_estimation(frame, reference)
        motion = self.motion_codec(flow)
        warped, prediction = self.motion_compensation(reference, motion.x_hat)
        likelihoods = {f"motion.{name}": p for name, p in motion.likelihoods.items()}
        return Coded(prediction, likelihoods, Intermediates(flow, motion.x_hat, warped, prediction))

    def intra_forward(self, frame: Tensor) -> Coded:
        out = self.intra(frame)
        return Coded(out["x_hat"], {f"intra.{name}": p for name, p in out["likelihoods"].items()})

    def encode(self, frame: Tensor, reference: Tensor) -> Written:
        packet = PacketWriter(self._stack(self.motion_codec, self.residual_codec))
        flow_hat = self.motion_codec.write(self.motion_estimation(frame, reference), packet)
        prediction = exact.synthesis(self.motion_compensation, reference, flow_hat).prediction
        residual_hat = self.residual_codec.write(frame - prediction, packet)
        x_hat = exact.synthesis(self.artifact_reduction, prediction, residual_hat).clamp(0, 1)
        return Written(packet.finish(short=True), x_hat)

    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        packet = PacketReader(self._stack(self.motion_codec, self.residual_codec), streams)
        size = (reference.shape[2], reference.shape[3])
        flow_hat = self.motion_codec.read(size, packet)
        prediction = exact.synthesis(self.motion_compensation, reference, flow_hat).prediction
        residual_hat = self.residual_codec.read(size, packet)
        packet.finish()
        return exact.synthesis(self.artifact_reduction, prediction, residual_hat).clamp(0, 1)

    def intra_encode(self, frame: Tensor) -> Written:
        packet = PacketWriter(self._stack(self.intra))
        x_hat = write_image(self.intra, frame, packet)
        return Written(packet.finish(short=True), x_hat.clamp(0, 1))

    def intra_decode(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        parts = [self.intra] if len(streams) == 1 else []  # before format version 4, all were the image codec's own
        packet = PacketReader(self._stack(*parts), streams)
        x_hat = read_image(self.intra, size, packet)
        packet.finish()
        return x_hat.clamp(0, 1)

    def _stack(self, *parts: CodesMaps | nn.Module) -> Stack:
        """The tables of all entropy models of `parts` that share a packet's stream."""
        return self._stacks.of([model for part in parts for model in own_tables(part)])

    def frozen(self) -> list[nn.Module]:
        return [self.intra, *self._frozen_flow()]

    def _frozen_flow(self) -> list[nn.Module]:
        part = self.motion_estimation
        return [part.network] if isinstance(part, MotionEstimation) and part.frozen else []

    @torch.no_grad()
    def start_from(self, pairs: Tensor, weight: float, given: Collection[str] = ()) -> None:
        """Set what starts from data: `pairs` of frames (B, 2, 3, H, W) in [0, 1]; the loss is bpp + `weight`·MSE.

        An intra codec that is not among the parts `given`, which come trained, starts at twice that weight, since what
        an I frame lacks every frame after it lacks; it stays there, as it is not trained along. The first motion
        vectors are as exact as the prediction needs: an error of one pixel costs the mean square of the frames' slopes.

        Raises:
            LicError: the flow network is neither trained along nor among the parts `given`.
        """
        if self._frozen_flow() and not {"motion_estimation", "motion_estimation.network"} & set(given):
            raise LicError(
                "a flow network that is not trained along comes trained: give parts.motion_estimation.network=RUN, or "
                "choose motion_estimation=network."
            )
        reference, frame = pairs.unbind(1)
        if "intra" not in given and isinstance(self.intra, StartsFromData):
            self.intra.start_from(reference, 2 * weight / 255**2)
        reference = self.intra(reference)["x_hat"].clamp(0, 1)
        flow = self.motion_estimation(frame, reference)
        slopes = [frame.diff(dim=side).square().mean().item() for side in (2, 3)]
        self.motion_codec.start_from(flow, optimal_step(3 * weight * sum(slopes) / 2))
        residual = frame - self.motion_compensation(reference, self.motion_codec(flow).x_hat).prediction
        self.residual_codec.start_from(residual, optimal_step(weight))

    def move(self, ratio: float) -> None:
        """Go from the operating point λ to `ratio`·λ, the intra codec along: as far as the parts know how to."""
        for part in (self.residual_codec, self.intra):
            if isinstance(part, MovesWithLambda):
                part.move(ratio)

    def aux_loss(self) -> Tensor:
        trained = (self.motion_codec, self.residual_codec)
        losses = [m.loss() for part in trained for m in part.modules() if isinstance(m, EntropyBottleneck)]
        return sum(losses, start=torch.zeros(()))


def own_tables(part: CodesMaps | nn.Module) -> list[TableModel]:
    """The entropy models that write into the common stream: all but those of an image codec that does not know how."""
    codecs = [m for m in part.modules() if isinstance(m, CompressionModel) and not isinstance(m, CodesIntoPackets)]
    inside = [m for codec in codecs for m in codec.modules()]
    return [m for m in part.modules() if isinstance(m, TableModel) and not any(m is other for other in inside)]
