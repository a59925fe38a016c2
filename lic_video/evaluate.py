"""Protocols of video: whole sequences, real files, 8-bit RGB frames; `dvc_gop`, `dcvc_ip32`.

Every sequence is coded into a .lic file and decoded from it. PSNR (RGB) and MS-SSIM are those of the decoded frames,
averaged over a sequence's frames, then over sequences; bpp is the whole file's. Seconds are those of coding, without
reading the clip. The classical codecs are measured by the same conditions (`common.baselines.video_measure`).

Beside that, of every P frame: what an ideal coder would take, and how near the reference comes as it is, warped by the
decoded flow, and compensated.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from common.baselines.conditions import Conditions
from common.baselines.video_measure import Timed, VideoSequence, conditioned
from common.coding.codec_files import repeatable_convolutions, to_input, to_picture
from common.data.image_io import write_picture
from common.data.sequences import notes_on
from common.data.video_files import VideoInfo
from common.errors import LicError
from common.io import write_csv, written_whole
from common.metrics.image import psnr, rate
from common.metrics.own import Given, checked, described, means
from common.metrics.video import frame_qualities
from common.results.points import Evaluation, aggregate, finite, sequence_record
from lic_video.codecs.contract import VideoCodec
from lic_video.data import VideoClips
from lic_video.files import EncodedFrame, VideoFiles, mapped
from lic_video.gop import Gop
from lic_video.pictures import frame_sheet
from lic_video.watch import seconds_of_motion_encoder, watching

log = logging.getLogger(__name__)


class VideoProtocol:
    """Evaluates a video codec on the test sequences of a DataModule.

    Args:
        name, frames, crop, conversion: the conditions, see `Conditions`.
        gop: frames from one I frame to the next, of every sequence; overrides the codec's.
        structure: "uni" or "bi"; None leaves the codec's.
        pictures: of each sequence, so many P frames are drawn, part by part, into `frames/` of the run folder.
        keep_streams: write the files to `streams/` of the run folder.
        metrics: measures beside PSNR and MS-SSIM, by name: means over a sequence's frames, then over sequences.
    """

    def __init__(
        self,
        name: str,
        gop: int,
        frames: int,
        crop: int | None,
        conversion: str,
        structure: str | None = None,
        pictures: int = 1,
        keep_streams: bool = True,
        metrics: Given = None,
    ) -> None:
        self.name = name
        self.conditions = Conditions(name, gop, frames, crop, conversion)
        self.structure = structure
        self.pictures = pictures
        self.keep_streams = keep_streams
        self.metrics = checked(metrics)

    def __call__(self, codec: VideoCodec, model: str, data: VideoClips, out: Path) -> Evaluation:
        """Means in CompressAI's units, a record a sequence; sequences.csv, frames.csv, files and pictures in `out`."""
        codec.gop = Gop(self.conditions.gop, self.structure or codec.gop.structure)  # type: ignore[arg-type]
        files = VideoFiles(codec, model)
        sequences = data.sequences(self.conditions.conversion)
        for note in notes_on(sequences):
            log.warning(note)
        records, frames, timing = [], [], []
        for sequence in track(sequences, description=f"coding {len(sequences)} sequences"):
            record, own, seconds = self.measure(files, sequence, out)
            records.append(record)
            frames += own
            timing.append(seconds)
        write_csv(out / "sequences.csv", records)
        write_csv(out / "frames.csv", frames)
        kinds = dict.fromkeys(kind for each in timing for kind in each)
        times = {kind: fmean(each[kind] for each in timing if kind in each) for kind in kinds}
        parts = {name: sum(p.numel() for p in part.parameters()) for name, part in codec.named_children()}
        details = {
            "conditions": self.conditions._asdict(),
            "gop": vars(codec.gop),
            "parts": parts,
            "sequences": records,
        }
        results = aggregate(records) | means(self.metrics, records)
        return Evaluation([results], {**described(self.metrics), **details}, times)

    def measure(
        self, files: VideoFiles, sequence: VideoSequence, out: Path
    ) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]]:
        """A sequence's record, its frames' records in display order, and seconds a frame."""
        height, width = next(conditioned(sequence, self.conditions)).shape[:2]
        info = VideoInfo(width, height, sequence.rate, None, self.conditions.conversion)
        rows: dict[int, dict[str, Any]] = {}
        digests: dict[int, bytes] = {}
        with tempfile.TemporaryDirectory() as folder:
            place = out / "streams" if self.keep_streams else Path(folder)
            place.mkdir(exist_ok=True)
            path = place / f"{sequence.name}.lic"
            source = Timed(conditioned(sequence, self.conditions))
            timed = seconds_of_motion_encoder(files.codec)
            with timed as of_motion, written_whole(path) as beside, beside.open("wb") as file:
                coder = Timed(files.encode(source, info, file))
                for frame in coder:
                    digests[frame.place] = digest(frame.decoded)
                    rows[frame.place] = {"sequence": sequence.name, **self.look(files, frame, sequence.name, out)}
            size, decoded = path.stat().st_size, Timed(self.decoded(files, path, digests, sequence.name))
            qualities = frame_qualities(conditioned(sequence, self.conditions), decoded, sequence.rate, self.metrics)
        frames = [rows[index] for index in sorted(rows)]
        for row, quality in zip(frames, qualities):
            row |= {"psnr": finite(quality.psnr), "ms_ssim": finite(quality.ms_ssim), **quality.own}
        record = {"sequence": sequence.name, **sequence_record(width, height, frames), **means(self.metrics, frames)}
        pixels = width * height * len(frames)
        record |= {"bytes": size, "bpp": 8 * size / pixels}
        record["bpp_estimated"] = round(sum(row["bits_estimated"] for row in frames) / pixels, 6)
        of_p_frames = [row["bits_motion"] for row in frames if row["kind"] != "intra"]
        record["bpp_motion"] = round(sum(of_p_frames) / (width * height * len(of_p_frames)), 6) if of_p_frames else None
        for name in ("copied", "warped", "predicted"):
            known = [row[f"psnr_{name}"] for row in frames if row[f"psnr_{name}"] is not None]
            record[f"psnr_{name}"] = sum(known) / len(known) if known else None
        seconds = {
            "encoding_time": (coder.seconds - source.seconds) / len(frames),
            "decoding_time": decoded.seconds / len(frames),
        }
        if of_motion:  # the first call is slower than the others
            seconds["motion_encoding_time"] = median(of_motion)
        return record, frames, seconds

    def decoded(self, files: VideoFiles, path: Path, digests: dict[int, bytes], name: str) -> Iterator[np.ndarray]:
        """The frames of a file; LicError for one that is not what the encoder went on from."""
        with mapped(path) as data:
            for index, frame in files.decode(data):
                if frame is None or digest(frame) != digests[index]:
                    raise LicError(
                        f"frame {index} of {name} decodes to other pixels than the encoder's: encode and decode of "
                        f"'{files.model}' do not match."
                    )
                yield frame

    @torch.inference_mode()
    def look(self, files: VideoFiles, frame: EncodedFrame, name: str, out: Path) -> dict[str, Any]:
        """A frame's record: its bits, those of an ideal coder, and what its prediction is worth."""
        height, width = frame.rgb.shape[:2]
        x = to_input(frame.rgb, files.codec.downsampling, files.device)
        drawn = self.drawn(frame.place) and frame.reference is not None
        looking: AbstractContextManager[dict[str, Tensor]] = watching(files.codec) if drawn else nullcontext({})
        with repeatable_convolutions(), looking as maps:
            coded = files.codec.intra_forward(x) if frame.reference is None else files.codec(x, frame.reference)
        if not (to_picture(coded.x_hat, height, width) == frame.decoded).all():
            raise LicError(
                f"frame {frame.place} of {name} is coded to other pixels than the forward pass gives: encode and "
                f"forward of '{files.model}' do not match."
            )
        bits = {key: rate({key: p.double()}, 1).item() for key, p in coded.likelihoods.items()}
        seen: dict[str, Tensor | None] = {"copied": frame.reference, "warped": None, "predicted": None}
        if coded.intermediates is not None and frame.reference is not None:
            seen |= {"warped": coded.intermediates.warped, "predicted": coded.intermediates.prediction}
            if drawn:
                (out / "frames").mkdir(exist_ok=True)
                sheet = frame_sheet(frame.rgb, frame.reference, coded, maps)
                write_picture(out / "frames" / f"{name}_{frame.place:04d}.png", sheet)
        return {
            "frame": frame.place,
            "kind": frame.kind.name.lower(),
            "bits": 8 * frame.size,
            "bits_estimated": round(sum(bits.values()), 3),
            "bits_motion": round(sum(b for key, b in bits.items() if key.startswith("motion.")), 3),
            **{f"psnr_{key}": None if p is None else near(x, p, height, width) for key, p in seen.items()},
        }

    def drawn(self, index: int) -> bool:
        """Whether frame `index` is one to draw: the middles of the first groups of pictures."""
        group, place = divmod(index, self.conditions.gop)
        return group < self.pictures and place == self.conditions.gop // 2


def near(x: Tensor, other: Tensor, height: int, width: int) -> float | None:
    """PSNR in dB of `other` (1, 3, H', W') against x within (height, width)."""
    return finite(psnr(*(p[..., :height, :width].float().clamp(0, 1) for p in (x, other))).item())


def digest(frame: np.ndarray) -> bytes:
    return hashlib.blake2b(frame.tobytes(), digest_size=16).digest()
