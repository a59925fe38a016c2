"""Training of any video codec, frame by frame through a buffer of decoded frames; everything else is Lightning's."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.entropy.quantisers import Quantiser
from common.errors import LicError
from common.metrics.image import MS_SSIM_MIN_SIDE, MS_SSIM_PER_MSE, ms_ssim, rate
from common.module import ADVICE, GuardedModule, codec_optimizer
from lic_video.codecs.contract import Coded, VideoCodec
from lic_video.codecs.skeleton import PredictiveCodec

# Motion that costs so many bits a pixel costs more than coding the frame without any: training has gone astray.
MOTION_BPP = 4.0
MOTION_STEPS = 20  # steps in a row
ASTRAY = (
    f"motion has cost more than {MOTION_BPP:g} bits a pixel for {MOTION_STEPS} steps (now {{value:.1f}}) "
    "at step {step}: "
    f"the motion codec diverges; train the motion first (stage=motion), or {ADVICE}"
)


class VideoCodecModule(GuardedModule):
    """Trains `codec` on rate + λ·distortion of P frames.

    Loss: bpp + λ·MSE, x in [0, 1] (thesis, (5.5), whose α is our λ: 255² times the λ of the image codecs), or
    bpp + λ·(1 - MS-SSIM); plus the auxiliary loss of the entropy bottlenecks.

    A step is one frame of each clip of the batch, predicted from what the step before made of the frame before (thesis,
    section 5.7): batches bring a clip's frames in order, and the first (`first` is true, on the host) is coded by the
    intra codec. The reference takes no gradient. The buffer is part of a checkpoint, so that a run that goes on sees
    the frames that it would have seen.

    Args:
        codec: a video codec.
        lmbda: the Lagrangian λ, in the units of `distortion`.
        optimizer, scheduler, aux_lr: as in `common.module.codec_optimizer`.
        quantiser: what stands for rounding in training, in all that is trained; None for the codec's own.
        objective: "all", or "motion": bpp of the motion and λ times the distortion of the prediction, which trains what
            comes before the residual; the reference is then the intra codec's frame, since there is no other yet.
    """

    def __init__(
        self,
        codec: VideoCodec,
        lmbda: float,
        distortion: Literal["mse", "ms_ssim"],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LambdaLR],
        aux_lr: float = 1e-3,
        quantiser: Quantiser | None = None,
        objective: Literal["all", "motion"] = "all",
    ) -> None:
        super().__init__()
        if lmbda <= 0:
            raise LicError(f"lmbda must be above 0, not {lmbda}.")
        if objective == "motion" and not isinstance(codec, PredictiveCodec):
            raise LicError("this codec has no motion codec that could be trained first: leave model.objective=all.")
        self.codec = codec
        self.quantise_by(quantiser)
        self.lmbda, self.distortion, self.objective = lmbda, distortion, objective
        self.optimizer, self.scheduler, self.aux_lr = optimizer, scheduler, aux_lr
        self.buffer: Tensor | None = None
        self.exploding: Tensor | None = None  # steps in a row, counted on the device
        for part in codec.frozen():
            part.requires_grad_(False)
        if objective == "motion":  # what takes no part in the loss: processes that share a run wait for its gradients
            for later in (codec.residual_codec, codec.artifact_reduction):
                later.requires_grad_(False)

    def train(self, mode: bool = True) -> "VideoCodecModule":
        """Frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self.codec.frozen():
            part.eval()
        return self

    @property
    def mse_equivalent_lmbda(self) -> float:
        """λ in the units of the squared error of x in [0, 1], for starting values that depend on it."""
        return self.lmbda if self.distortion == "mse" else self.lmbda * 255**2 / MS_SSIM_PER_MSE

    def losses(self, frame: Tensor, coded: Coded) -> dict[str, Tensor]:
        """Scalars: bpp (and that of the motion), psnr in dB, loss (what is minimised but for the quantiles)."""
        pixels = frame.shape[0] * frame.shape[2] * frame.shape[3]
        rates = {name: rate({name: p}, pixels) for name, p in coded.likelihoods.items()}
        bpp = sum(rates.values(), start=torch.zeros_like(coded.x_hat[0, 0, 0, 0]))
        x_hat = coded.x_hat.float()
        mse = nn.functional.mse_loss(x_hat, frame)
        if self.distortion == "mse":
            distortion = mse
        elif min(frame.shape[-2:]) < MS_SSIM_MIN_SIDE:
            raise LicError(f"distortion=video_ms_ssim needs crops of {MS_SSIM_MIN_SIDE} pixels or more: set data.crop.")
        else:
            distortion = 1 - ms_ssim(frame, x_hat).mean()
        motion = [r for name, r in rates.items() if name.startswith("motion.")]
        shown = {"bpp_motion": sum(motion, start=torch.zeros_like(bpp))} if motion else {}
        return {"bpp": bpp, **shown, "psnr": -10 * mse.detach().log10(), "loss": bpp + self.lmbda * distortion}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        loss = torch.zeros((), device=self.device)
        reference = None if batch["first"] or self.objective == "motion" else self.buffer
        if reference is None or not self.codec.frozen():  # an intra codec that is trained along is so at every step
            intra, cost = self.intra(batch["previous"])
            loss, reference = loss + cost, intra if reference is None else reference
        frame = batch["current"]
        if self.objective == "motion":
            assert isinstance(self.codec, PredictiveCodec)
            coded = self.codec.motion_forward(frame, reference)
        else:
            coded = self.codec(frame, reference)
            self.buffer = coded.x_hat.detach().float().clamp(0, 1)
        terms = self.losses(frame, coded)
        aux = self.codec.aux_loss()
        loss = self.checked(loss + terms["loss"] + aux)
        self.check_motion(terms)
        self.show({**terms, "aux": aux})
        return loss

    def intra(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """The decoded I frame, without gradient, and what to add to the loss where its codec is trained along."""
        if self.codec.frozen():
            with torch.no_grad():
                return self.codec.intra_forward(frame).x_hat.float().clamp(0, 1), torch.zeros((), device=self.device)
        coded = self.codec.intra_forward(frame)
        return coded.x_hat.detach().float().clamp(0, 1), self.losses(frame, coded)["loss"]

    def check_motion(self, terms: dict[str, Tensor]) -> None:
        """The classic failure: the flow's range grows until its bits outweigh everything, and never comes back."""
        if "bpp_motion" not in terms:
            return
        bits = terms["bpp_motion"].detach()
        before = torch.zeros_like(bits) if self.exploding is None else self.exploding
        self.exploding = (before + 1) * (bits > MOTION_BPP)
        self.note(ASTRAY, bits, self.exploding >= MOTION_STEPS)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """A clip (1, T, 3, H, W), its first frame coded by the intra codec, the others each from the one before."""
        clip = batch["clip"]
        reference = self.codec.intra_forward(clip[:, 0]).x_hat.float().clamp(0, 1)
        found: list[dict[str, Tensor]] = []
        for t in range(1, clip.shape[1]):
            if self.objective == "motion":
                assert isinstance(self.codec, PredictiveCodec)
                coded = self.codec.motion_forward(clip[:, t], reference)
                reference = self.codec.intra_forward(clip[:, t]).x_hat.float().clamp(0, 1)
            else:
                coded = self.codec(clip[:, t], reference)
                reference = coded.x_hat.float().clamp(0, 1)
            found.append(self.losses(clip[:, t], coded))
        means = {f"val/{name}": torch.stack([terms[name] for terms in found]).mean() for name in found[0]}
        self.log_dict(means, batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> Any:
        return codec_optimizer(self.codec, self.optimizer, self.scheduler, self.aux_lr, self.trainer.max_steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Every rank's buffer, since one rank writes for all."""
        super().on_save_checkpoint(checkpoint)
        if self.buffer is not None:
            gathered = self.all_gather(self.buffer)
            assert isinstance(gathered, Tensor)
            checkpoint["decoded_frames"] = gathered.reshape(-1, *self.buffer.shape).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint.get("decoded_frames")
        if kept is not None and self._trainer is not None and self.trainer.world_size == len(kept):
            self.buffer = kept[self.trainer.global_rank].to(self.device)
