"""The `lic` command: picks the verb and imports what that verb needs, nothing more."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from common.allocator import keep_freed_memory
from common.cpus import sleep_while_waiting
from common.errors import LicError
from common.warning_filters import quiet

# verb -> (module with `main(argv) -> exit status`, one line of help)
VERBS = {
    "train": ("common.engine.train", "train a model, or sweep over many with -m (a Hydra application)"),
    "eval": ("common.engine.evaluate", "evaluate a finished run or a weights file (a Hydra application)"),
    "compress": ("common.cli.files", "code a picture or a clip into a .lic file"),
    "decompress": ("common.cli.files", "decode a .lic file into a picture or a clip"),
    "restore": ("lic_image.restore", "remove the artefacts of a JPEG"),
    "flow": ("lic_flow.files", "estimate the optical flow between two pictures"),
    "info": ("common.cli.files", "say what a .lic file or a run folder holds"),
    "sweep": ("common.cli.sweep", "see how the points of a sweep stand, wherever they run; retry what failed"),
    "data": ("common.cli.data", "pack photographs into shards, for training on very many"),
    "report": ("common.cli.report", "turn finished runs into curves, tables and a page"),
    "conform": ("lic_image.conform.command", "test any image codec with CompressAI's interface"),
    "bench": ("common.cli.bench", "measure the classical codecs on pictures or clips"),
}

USAGE = """usage: lic VERB [ARGUMENTS]
       lic --version

Learned image compression, optical flow and video compression: train, sweep, measure, code files.

verbs:
{verbs}

`lic VERB --help` explains a verb; `eval "$(lic -sc install=bash)"` completes what you type. Start here:
  lic train experiment=image/demo             one point of the demonstration
  lic train -m experiment=image/demo          its whole rate-distortion sweep
  lic compress photo.png photo.lic --checkpoint runs/demo/lmbda-0.013
  lic decompress photo.lic decoded.png --checkpoint runs/demo/lmbda-0.013
  lic train experiment=flow/deeppynet_small   optical flow, trained on procedural pairs
  lic train experiment=video/ofmc_tiny        a video codec, trained on procedural clips
"""


def usage() -> str:
    return USAGE.format(verbs="\n".join(f"  {verb:<11} {text}" for verb, (_, text) in VERBS.items()))


def version() -> str:
    """`lic 0.1.0`, as installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return f"lic {installed('lic')}"
    except PackageNotFoundError:
        return "lic (not installed: run from its folder)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lic` with `argv` (default: the process's own) and return the exit status: 0, or 2 for bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0
    if arguments[0] in ("--version", "-V", "version"):
        print(version())
        return 0
    if arguments[0] in ("-sc", "--shell_completion"):
        from common.cli.completion import complete

        return complete(arguments, VERBS)
    for stream in (sys.stdout, sys.stderr):  # names of files need not be UTF-8
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    sleep_while_waiting()
    keep_freed_memory()
    quiet()
    verb = arguments[0]
    if verb not in VERBS:
        from common.spelling import nearest

        meant = nearest(verb, VERBS)
        choice = f"did you mean {meant}?" if meant else f"choose one of {', '.join(VERBS)}"
        print(f"lic: there is no verb '{verb}': {choice} (see lic --help).", file=sys.stderr)
        return 2
    run: Callable[[list[str]], int] = import_module(VERBS[verb][0]).main
    try:
        return run(arguments if verb in ("compress", "decompress", "info") else arguments[1:])
    except LicError as error:
        print(f"lic {verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        rest = "; the same command goes on from the last checkpoint, if one was saved" if verb == "train" else ""
        print(f"lic {verb}: interrupted{rest}.", file=sys.stderr)
        return 130


def script() -> None:
    """Entry point of the console script. Codecs of your own are imported from the folder you stand in."""
    import logging

    logging.raiseExceptions = False  # a log line that nobody reads any more is no error
    sys.path.insert(0, os.getcwd())
    try:
        sys.exit(main())
    except BrokenPipeError:  # `lic … | head`: who reads has read enough
        sys.exit(141)  # as a shell says of a program that SIGPIPE has ended
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - or the interpreter tries once more
