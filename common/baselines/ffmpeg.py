"""What the ffmpeg inside PyAV can do, and how it calls itself."""


def pyav_version() -> str:
    """PyAV's version and that of its libavcodec, for the results file."""
    import av

    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def missing(title: str, encoder: str, decoder: str) -> str | None:
    """Why `title` cannot be used here, in a sentence, or None when PyAV has both of its codecs."""
    try:
        import av
    except ImportError:
        return f"{title} needs PyAV: pip install av."
    try:
        av.codec.Codec(encoder, "w")
        av.codec.Codec(decoder, "r")
    except ValueError:  # av's UnknownCodecError
        return f"{title} needs an ffmpeg with {encoder}; the one in PyAV {av.__version__} has none."
    return None
