"""The ffmpeg program of the extra `anchors` (the wheel imageio-ffmpeg): encoders and measures that PyAV has not.

The wheel's version fixes every encoder in it, so that a figure can be made again. `IMAGEIO_FFMPEG_EXE` names another
program, as that package has it.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal, NamedTuple

from common.errors import LicError

INSTALL = "pip install 'lic[anchors]'"
Kind = Literal["encoder", "filter"]


class Program(NamedTuple):
    """Where the program is, what it calls itself, and the names of its encoders and filters."""

    path: str
    version: str
    encoder: frozenset[str]
    filter: frozenset[str]


@cache
def program() -> Program | None:
    """The program; None where the extra is not installed."""
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):  # RuntimeError: its wheel for this machine carries no program
        return None

    def listed(*flags: str) -> list[list[str]]:
        out = subprocess.run([path, "-hide_banner", *flags], capture_output=True, text=True, check=True).stdout
        return [line.split() for line in out.splitlines()]

    def names(flag: str) -> frozenset[str]:
        return frozenset(words[1] for words in listed(flag) if len(words) > 2)

    version = f"imageio-ffmpeg {imageio_ffmpeg.__version__}, ffmpeg {listed('-version')[0][2]}"
    return Program(path, version, names("-encoders"), names("-filters"))


def lacking(title: str, kind: Kind, name: str) -> str | None:
    """Why `title` cannot be used here, in a sentence, or None when the program has the encoder or filter `name`."""
    found = program()
    if found is None:
        return f"{title} needs the ffmpeg of the extra anchors: {INSTALL}."
    if name not in getattr(found, kind):
        return f"{title} needs an ffmpeg with {name}; {found.version} has none: {INSTALL}."
    return None


def version() -> str:
    """Of the wheel and of its program, for the results file."""
    found = program()
    return found.version if found else ""


def run(arguments: Sequence[str], data: bytes, seconds: float | None = None) -> bytes:
    """What the program writes to its standard output when `data` is its standard input.

    Raises:
        LicError: it fails, with the line that it says why; or it takes more than `seconds`, as some damaged files
            have it read for ever.
    """
    try:
        done = subprocess.run(_command(arguments), input=data, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LicError(f"ffmpeg did not end within {seconds:g} s") from None
    if done.returncode:
        raise LicError(_reason(done.stderr))
    return done.stdout


class Feed:
    """The program at work on what is written to it, in `folder`. A context: it is stopped where that is left early."""

    def __init__(self, arguments: Sequence[str], folder: Path | None = None) -> None:
        self._said = TemporaryFile()  # noqa: SIM115  # a pipe that nobody reads would stop the program when it is full
        self._process = subprocess.Popen(
            _command(arguments), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said, cwd=folder
        )

    def __enter__(self) -> "Feed":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def write(self, data: bytes) -> None:
        """More of its standard input; LicError with its own words where it has failed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self.finish()

    def finish(self) -> None:
        """There is no more input: wait for the end; LicError with its own words where it fails."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        if self._process.returncode:
            self._said.seek(0)
            raise LicError(_reason(self._said.read()))

    def stop(self) -> None:
        """Give everything back, at once."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._said.close()


def _command(arguments: Sequence[str]) -> list[str]:
    found = program()
    if found is None:
        raise LicError(f"This needs the ffmpeg of the extra anchors: {INSTALL}.")
    return [found.path, "-v", "error", "-nostdin" if "pipe:0" not in arguments else "-y", *arguments]


def _reason(stderr: bytes) -> str:
    """The first line of an error: the later ones follow from it."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[0] if lines else "ffmpeg ended without a word."
