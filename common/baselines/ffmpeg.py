"""What the ffmpeg inside PyAV can do, and how it calls itself."""

from typing import Literal


def pyav_version() -> str:
    """PyAV's version and that of its libavcodec, for the results file."""
    import av

    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def missing(title: str, encoder: str, decoder: str) -> str | None:
    """Why `title` cannot be used here, in a sentence, or None when PyAV has both of its codecs."""
    return _lacking(title, encoder, "w") or missing_decoder(title, decoder)


def missing_decoder(title: str, decoder: str) -> str | None:
    """Likewise of the decoder alone."""
    return _lacking(title, decoder, "r")


def _lacking(title: str, codec: str, mode: Literal["r", "w"]) -> str | None:
    try:
        import av
    except ImportError:
        return f"{title} needs PyAV: pip install av."
    try:
        av.codec.Codec(codec, mode)
    except ValueError:  # av's UnknownCodecError
        return f"{title} needs an ffmpeg with {codec}; the one in PyAV {av.__version__} has none."
    return None
