"""What is raised when the input, not the program, is at fault."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


class LicError(Exception):
    """Bad input: a missing file, a wrong size, a mistyped option.

    The message is one sentence that says what is wrong and what to do; the command line prints it without a
    traceback and exits with status 2.
    """


class StreamError(LicError):
    """A `.lic` stream is damaged, truncated, or was written by another model."""


def fault_of_input(error: BaseException) -> LicError | None:
    """The `LicError` that `error` is, or that it was caused by: Hydra wraps what a constructor raises.

    A full disk is no fault of the program either.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, LicError):
        if type(cause).__name__ == "MisconfigurationException":  # Lightning's word for settings that cannot be
            return LicError(f"the trainer cannot be as it is set: {cause}")
        if isinstance(cause, OSError) and cause.errno in FULL:
            return full_disk(cause.filename)
        cause = cause.__cause__
    return cause


def full_disk(path: object = None) -> LicError:
    """What is said where `path`, if it is known, found no room."""
    where = f"{path} cannot be written: there" if path else "There"
    return LicError(f"{where} is no space left on the disk, or no quota; make room and give the same command again.")
