"""Training of any image codec: one loss, one optimiser, everything else is Lightning's."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.entropy.assignments import Assignment
from common.entropy.quantisers import Quantiser
from common.errors import LicError
from common.layers.memory_format import in_memory_format
from common.metrics.image import MS_SSIM_MIN_SIDE, MSSSIM, PSNR, rate
from common.module import GuardedModule, codec_optimizer
from lic_image.codecs.compressai_zoo import adopted
from lic_image.distortions import usual
from lic_image.distortions.contract import Distortion
from lic_image.rate import Gains
from lic_image.tasks import task_of


class OwnLoss(NamedTuple):
    """How much a loss of the codec's own counts, and until which part of training."""

    weight: float = 1.0
    until: float = 1.0


class ImageCodec(GuardedModule):
    """Trains `codec` on rate + λ·distortion.

    Loss: bpp + λ·distortion, such as 255²·MSE or 1 - MS-SSIM on x in [0, 1] (`lic_image.distortions`); plus whatever
    the codec returns under "losses", times its weight; plus the auxiliary loss of its entropy bottlenecks, whose
    quantiles are a parameter group of their own.

    Args:
        codec: an image codec with CompressAI's conventions; entropy models of CompressAI's become ours.
        lmbda: the Lagrangian λ, in the units of `distortion`.
        distortion: of `lic_image.distortions`, or the name of one of the usual two.
        optimizer: partial of a torch optimiser.
        aux_lr: learning rate of the quantiles, constant over the run.
        scheduler: partial called with (optimizer, total_steps) for the main group's rate.
        quantiser: what stands for rounding, or for the choice of a centre, in training; None for the codec's own.
        importance: puts an importance map on the codec's latent (`lic_image.importance`).
        task: puts a head on the codec's decoded latent, which is trained along (`lic_image.tasks`).
        rate: makes the codec one of many rates (`lic_image.rate`); each picture is trained at a λ of its own then, and
            validated at `lmbda`.
        losses: the weight of the codec's `own_losses`, by name, and until which part of training, from 0 to 1, they
            count, as in {"enhancement": {"weight": 1, "until": 1 / 3}}. Those that are not named count throughout.
        channels_last: memory format of weights and inputs.
        compile: run the codec's forward pass through torch.compile.
    """

    def __init__(
        self,
        codec: CompressionModel,
        lmbda: float,
        distortion: Distortion | Literal["mse", "ms_ssim"],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LambdaLR],
        aux_lr: float = 1e-3,
        quantiser: Quantiser | Assignment | None = None,
        importance: Callable[[CompressionModel], CompressionModel] | None = None,
        rate: Callable[[CompressionModel], CompressionModel] | None = None,
        task: Callable[[CompressionModel], CompressionModel] | None = None,
        losses: Mapping[str, Mapping[str, float]] | None = None,
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        super().__init__()
        if lmbda <= 0:
            raise LicError(f"lmbda must be above 0, not {lmbda}.")
        for put in (importance, rate, task):
            codec = codec if put is None else put(codec)
        self.codec = adopted(codec)
        self.quantise_by(quantiser)
        self.own_losses = {name: OwnLoss(**said) for name, said in (losses or {}).items()}
        if unknown := self.own_losses.keys() - set(getattr(codec, "own_losses", ())):
            raise LicError(f"{type(codec).__name__} has no loss {', '.join(sorted(unknown))}, as model.losses has it.")
        self.val_psnr, self.val_ms_ssim = PSNR(), MSSSIM()
        self.lmbda = lmbda
        self.distortion = usual(distortion) if isinstance(distortion, str) else distortion
        self.distortion.prepare(self.codec)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.aux_lr = aux_lr
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        in_memory_format(self.codec, self.memory_format)
        if compile:
            self.codec.compile()

    @property
    def mse_equivalent_lmbda(self) -> float:
        """λ in the units of the squared error, for starting values that depend on the operating point."""
        return self.lmbda / self.distortion.in_mse

    def forward(self, x: Tensor) -> dict[str, Any]:
        return self.codec(x.contiguous(memory_format=self.memory_format))

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The scalars of a batch, whose pictures are "image" (B, 3, H, W): bpp, distortion, psnr (dB), loss (what is
        minimised but for the quantiles), in training those of the distortion's own networks, and that of a task."""
        x = batch["image"]
        if min(x.shape[-2:]) < self.distortion.least_side:
            raise LicError(
                f"the distortion {self.distortion.unit} needs crops of {self.distortion.least_side} pixels or more: "
                "set data.crop."
            )
        with self.lmbdas(x) as lmbda:
            out = self(x)
        bpp = rate(out["likelihoods"], x.shape[0] * x.shape[2] * x.shape[3])
        x_hat = out["x_hat"].float()
        with torch.autocast(x.device.type, enabled=False):  # small differences of large numbers
            distortion = self.distortion(x_hat, x, {**batch, **out})
            task = self.task_loss(batch)
        loss = bpp + (lmbda * distortion).mean()
        loss = loss + sum(self.weighed(out.get("losses", {})), start=torch.zeros_like(bpp))
        own = self.distortion.auxiliary(x_hat, x) if self.training else {}
        loss = loss + sum([*own.values(), *task.values()], start=torch.zeros_like(bpp))
        psnr = -10 * nn.functional.mse_loss(x_hat.detach(), x).log10()
        return {"bpp": bpp, "distortion": distortion.mean(), "psnr": psnr, "loss": loss, **own, **task}

    def lmbdas(self, x: Tensor) -> AbstractContextManager[Tensor | float]:
        """Within which the codec is trained at the λ that it gives: one for all, or of each of `x` its own, (B,)."""
        gains = getattr(self.codec, "rate_gains", None)
        if isinstance(gains, Gains) and self.training:
            return gains.drawn(len(x), x.device)
        return nullcontext(self.lmbda)

    def task_loss(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of the head on the codec's latent, times its weight; nothing without one, and none of watched pictures."""
        task = task_of(self.codec)
        if task is None or not self.training:
            return {}
        if "label" not in batch:
            raise LicError("task= needs labelled pictures: set data=image/labelled and its folders.")
        return {"task": task.weight * task.loss(batch["label"])}

    def weighed(self, losses: dict[str, Tensor]) -> list[Tensor]:
        """The codec's own losses that count at this step, times their weights."""
        done = self.global_step / max(self.trainer.max_steps, 1) if self._trainer else 0.0
        told = ((self.own_losses.get(name, OwnLoss()), value) for name, value in losses.items())
        return [own.weight * value for own, value in told if done < own.until]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        terms = self.losses(batch)
        aux = torch.zeros_like(terms["loss"]) + self.codec.aux_loss()  # which is the number 0 without bottlenecks
        loss = self.checked(terms["loss"] + aux)
        self.show({**terms, "aux": aux})
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        x = batch["image"]
        shown = {f"val/{name}": value for name, value in self.losses(batch).items() if name != "psnr"}
        self.log_dict(shown, batch_size=len(x), sync_dist=True)
        x_hat = self(x)["x_hat"].float().clamp(0, 1)
        self.val_psnr.update(x, x_hat)
        self.log("val/psnr", self.val_psnr)
        if min(x.shape[-2:]) >= MS_SSIM_MIN_SIDE:
            self.val_ms_ssim.update(x, x_hat)
            self.log("val/ms_ssim", self.val_ms_ssim)

    def configure_optimizers(self) -> Any:
        groups, steps = self.distortion.groups(), self.trainer.max_steps
        return codec_optimizer(self.codec, self.optimizer, self.scheduler, self.aux_lr, steps, groups)
