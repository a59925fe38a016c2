"""What is raised when the input, not the program, is at fault."""

import errno
import re

FULL = (errno.ENOSPC, errno.EDQUOT)


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
    """The `LicError` that `error` is, or that it was caused by: Hydra wraps what a constructor raises.

    A full disk is no fault of the program either.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, LicError):
        if type(cause).__name__ == "MisconfigurationException":  # Lightning's word for settings that cannot be
            return LicError(f"the trainer cannot be as it is set: {cause}")
        if type(cause).__name__ == "InstantiationException" and (said := _of_constructor(cause)):
            return LicError(said)
        if isinstance(cause, OSError) and cause.errno in FULL:
            return full_disk(cause.filename)
        cause = cause.__cause__
    return cause


def _of_constructor(error: BaseException) -> str:
    """What is wrong with the settings that a constructor was handed by Hydra; "" where it failed at its own work."""
    text, cause = str(error), error.__cause__
    key = text.rpartition("full_key: ")[2].strip() if "full_key: " in text else "the configuration"
    if missing := re.search(r"Error locating target '([^']+)'", text):
        return f"{key}._target_: there is no {missing[1]}; correct the name, or put its folder on PYTHONPATH."
    if not isinstance(cause, TypeError) or not _refused(cause):
        return ""
    name = str(cause).partition(".__init__()")[0].partition("()")[0]
    if surplus := re.search(r"unexpected keyword argument '(\w+)'", str(cause)):
        return f"{key}.{surplus[1]} is no setting of {name}: leave it out, or correct its name."
    if lacking := re.search(r"missing \d+ required [\w-]+ arguments?: (.*)", str(cause)):
        return f"{key} lacks what {name} needs: {lacking[1]}."
    return ""


def _refused(error: TypeError) -> bool:
    """Whether the call itself was refused, and nothing called: the last frame is the caller's, or a wrapper's."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_name in ("_call_target", "insert_env_defaults")


def full_disk(path: object = None) -> LicError:
    """What is said where `path`, if it is known, found no room."""
    where = f"{path} cannot be written: there" if path else "There"
    return LicError(f"{where} is no space left on the disk, or no quota; make room and give the same command again.")
