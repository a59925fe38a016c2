"""The command line: `lic`, its verbs, and what a shell completes."""

from common.cli.verbs import main, script

__all__ = ["main", "script"]
