"""What is raised when the input, not the program, is at fault."""


class LicError(Exception):
    """Bad input: a missing file, a wrong size, a mistyped option.

    The message is one sentence that says what is wrong and what to do; the command line prints it without a
    traceback and exits with status 2.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """`text` with what UTF-8 cannot write, as in names of files that are not UTF-8, as an escape: `caf\\udce9`."""
    return text.encode(errors="backslashreplace").decode()


class StreamError(LicError):
    """A `.lic` stream is damaged, truncated, or was written by another model."""


def fault_of_input(error: BaseException) -> LicError | None:
    """The `LicError` that `error` is, or that it was caused by: Hydra wraps what a constructor raises."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, LicError):
        if type(cause).__name__ == "MisconfigurationException":  # Lightning's word for settings that cannot be
            return LicError(f"the trainer cannot be as it is set: {cause}")
        cause = cause.__cause__
    return cause
