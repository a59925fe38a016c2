"""Whether all that lies between decoded symbols and the coder's parameters has an exact form."""

from functools import partial

from common.entropy.exact import NotExactError
from lic_image.conform.checks import CHECK_TIMEOUT, FAILED, HELD, NONE, Finding, Subject, encode
from lic_image.conform.children import forked


def arithmetic(subject: Subject) -> Finding:
    """A codec that has none goes on in floating point: `subject.rules` are changed."""
    if not subject.rules.exact:
        return Finding(NONE, "floating point")
    outcome = forked(partial(encode, subject), CHECK_TIMEOUT)
    if not isinstance(outcome.error, NotExactError):
        return Finding(HELD, "exact")
    subject.rules = subject.rules._replace(exact=False)
    return Finding(FAILED, "floating point", str(outcome.error))
