"""What a codec promises, one function each: a `Subject` -> a `Finding`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.coding.codec_files import repeatable_convolutions, to_input
from common.entropy.exact import shuffled_sums
from common.entropy.rules import Rules, coding_by
from common.entropy.streams import symbol_checksum
from common.errors import StreamError
from common.layers.memory_format import in_memory_format
from common.memory import memory
from lic_image.conform.children import Outcome, forked
from lic_image.conform.probes import NoisySums, entering

HELD, FAILED, SHOWN, NONE = "held", "failed", "shown", "not applicable"
LEVEL = 0.1  # of 255: pixels that differ by less are the same; g_s is floating point
SYMBOL = 0.25  # values of y_hat that differ by more come from other symbols
SIZE, BYTES = 0.01, 8  # a stream may be longer than its likelihoods by this part, and by so many bytes
FLOOR = 29.89  # bits of the least likelihood that CompressAI gives, 1e-9: how much less it is, is not known
ODD = ((1, 1), (17, 33), (333, 500))
NOISES, TRIALS = (1e-6, 1e-5), 3
CHECK_TIMEOUT = 900.0  # seconds for one check
HANG = 2.0  # seconds that a damaged stream may take more than a whole one


class Finding(NamedTuple):
    state: str
    figure: str = ""
    note: str = ""


@dataclass
class Subject:
    """A codec on a picture. `rgb` is uint8 (H, W, 3); `safe`: its coder is lic's, whose streams end in StreamError."""

    codec: nn.Module
    rgb: np.ndarray
    step: int
    rules: Rules
    safe: bool
    x: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.x = to_input(self.rgb, self.step)


class Coded(NamedTuple):
    strings: list[list[bytes]]
    shape: Any
    symbols: int | None = None  # their checksum, where lic's coder wrote them


class Decoded(NamedTuple):
    x_hat: Tensor
    y_hat: Tensor | None


@contextmanager
def coding(subject: Subject) -> Iterator[Any]:
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(coding_by(subject.rules))
        stack.enter_context(repeatable_convolutions())
        yield stack.enter_context(symbol_checksum())


def encode(subject: Subject, x: Tensor | None = None) -> Coded:
    with coding(subject) as checksum:
        out = subject.codec.compress((subject.x if x is None else x).clone())  # type: ignore[operator]
    return Coded([list(strings) for strings in out["strings"]], out["shape"], checksum.value if subject.safe else None)


def decode(subject: Subject, coded: Coded) -> Decoded:
    """Raises what the codec raises, and `StreamError` where lic's coder decoded other symbols than were written."""
    with coding(subject) as checksum, entering(subject.codec, "g_s") as seen:
        strings = [list(latent) for latent in coded.strings]  # some codecs empty them
        x_hat = subject.codec.decompress(strings, coded.shape)["x_hat"]  # type: ignore[operator]
    if coded.symbols is not None and checksum.value != coded.symbols:
        raise StreamError("the decoded symbols are not the ones that were written")
    return Decoded(x_hat, seen[-1] if seen else None)


def measure(subject: Subject, x: Tensor | None = None) -> tuple[Decoded, dict[str, Tensor]]:
    """Evaluation's forward pass."""
    with coding(subject), entering(subject.codec, "g_s") as seen:
        out = subject.codec((subject.x if x is None else x).clone())
    return Decoded(out["x_hat"].clamp(0, 1), seen[-1] if seen else None), out.get("likelihoods", {})


def levels(a: Decoded, b: Decoded) -> float:
    """The largest difference of two pictures, of 255; infinite where one is no number or of another size."""
    if a.x_hat.shape != b.x_hat.shape:
        return float("inf")
    return 255 * (a.x_hat.clamp(0, 1) - b.x_hat.clamp(0, 1)).abs().nan_to_num(float("inf")).max().item()


def others(a: Decoded, b: Decoded) -> float:
    """Which part of y_hat comes from other symbols; of the pixels, that differ by a level, if there is no g_s."""
    if a.y_hat is None or b.y_hat is None or a.y_hat.shape != b.y_hat.shape:
        return (~((a.x_hat - b.x_hat).abs() * 255 < 1)).double().mean().item()
    return (~((a.y_hat - b.y_hat).abs() < SYMBOL)).double().mean().item()


def forward_pass(subject: Subject) -> Finding:
    decoded, (measured, _) = decode(subject, encode(subject)), measure(subject)
    apart, part = levels(decoded, measured), others(decoded, measured)
    figure = f"{apart:.2g} levels"
    if apart <= LEVEL:
        return Finding(HELD, figure)
    return Finding(
        FAILED,
        figure,
        f"The decoded picture is not the one that the forward pass measures: pixels differ by up to {apart:.1f} of 255 "
        f"levels, {part:.1%} of y_hat by more than {SYMBOL}.",
    )


def size(subject: Subject) -> Finding:
    _, likelihoods = measure(subject)
    if not likelihoods:
        return Finding(NONE, note="The forward pass gives no likelihoods.")
    strings = [latent[0] for latent in encode(subject).strings]
    bits = [-p.double().log2() for p in likelihoods.values()]
    promised = sum(b.sum().item() for b in bits) / 8
    vague = sum(b[b > FLOOR].sum().item() for b in bits) / 8
    written = sum(map(len, strings))
    figure = f"{written} bytes, {written / promised - 1:+.2%}"
    tolerance = SIZE * promised + BYTES * len(strings)
    if abs(written - promised) <= tolerance:
        return Finding(HELD, figure)
    if -tolerance - vague <= written - promised < 0:  # what lies at the floor may promise more than it takes
        return Finding(HELD, f"{figure}, {vague / promised:.0%} at 1e-9")
    return Finding(FAILED, figure, f"The likelihoods promise {promised:.0f} bytes, and {written} are written.")


def batch(subject: Subject) -> Finding:
    side = max(subject.step, 128 // subject.step * subject.step)
    x = subject.x[..., :side, :side]
    x = torch.cat([x, x.flip(2), x.flip(3), x.flip(2, 3)])
    together = encode(subject, x)
    alone = [encode(subject, image[None]) for image in x]
    if any(len(latent) != len(x) for latent in together.strings):
        return Finding(FAILED, "no string each", "compress gives not one string for each picture and latent.")
    whole = decode(subject, together)
    wrong, moved = 0.0, 0.0
    for i in range(len(x)):
        row = Decoded(whole.x_hat[i : i + 1], None if whole.y_hat is None else whole.y_hat[i : i + 1])
        one = decode(subject, Coded([[latent[i]] for latent in together.strings], together.shape))
        wrong = max(wrong, others(one, row))
        moved = max(moved, others(decode(subject, alone[i]), row))
    same = sum(all(a == b[0] for a, b in zip((s[i] for s in together.strings), alone[i].strings)) for i in range(4))
    figure = f"{same} of {len(x)} strings alike"
    if wrong:
        note = f"What a batch wrote decodes to other symbols one by one ({wrong:.1%})."
    elif moved > 1e-3:
        note = f"A picture in a batch gets other symbols than alone ({moved:.1%})."
    else:
        return Finding(HELD, figure)
    return Finding(FAILED, figure, note)


def threads(subject: Subject) -> Finding:
    """Written with one thread and read with several, and the other way; one has to be a forked process's."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(before, 2))
    try:
        several = encode(subject)
        alone = forked(partial(_written_and_read, subject), CHECK_TIMEOUT)
        crossed = forked(partial(decode, subject, several), CHECK_TIMEOUT)
        for outcome, what in (
            (alone, "with 1 thread"),
            (crossed, f"written with {max(before, 2)} threads, read with 1"),
        ):
            if problem := problem_of(outcome):
                return Finding(FAILED, problem, f"{what.capitalize()}: {problem}.")
        single, read = alone.value
        part = max(others(decode(subject, single), read), others(decode(subject, several), crossed.value))
    finally:
        torch.set_num_threads(before)
    if part:
        return Finding(FAILED, f"{part:.1%} other", f"Another number of threads gives other symbols ({part:.1%}).")
    return Finding(HELD, f"1 and {max(before, 2)}")


def _written_and_read(subject: Subject) -> tuple[Coded, Decoded]:
    coded = encode(subject)
    return coded, decode(subject, coded)


def layout(subject: Subject) -> Finding:
    coded = encode(subject)
    plain = decode(subject, coded)
    in_memory_format(subject.codec, torch.channels_last)
    part = others(decode(subject, coded), plain)
    if part:
        return Finding(FAILED, f"{part:.1%} other", f"With channels last other symbols are decoded ({part:.1%}).")
    decode(subject, encode(subject, subject.x.to(memory_format=torch.channels_last)))
    return Finding(HELD, "channels last")


def odd_sizes(subject: Subject) -> Finding:
    rgb = subject.rgb
    for height, width in ODD:
        rows, columns = (np.arange(n) % side for n, side in zip((height, width), rgb.shape))
        x = to_input(rgb[rows][:, columns], subject.step)
        coded = encode(subject, x)
        apart = levels(decode(subject, coded), measure(subject, x)[0])
        if apart > LEVEL:
            return Finding(FAILED, f"{width}x{height}: {apart:.2g} levels", "See above, at another size.")
    return Finding(HELD, ", ".join(f"{width}x{height}" for height, width in ODD))


def noise(subject: Subject, relative: float) -> Finding:
    """Read on another machine: what its libraries sum differs in the last bits."""
    coded = encode(subject)
    plain = decode(subject, coded)
    failed, worst, errors = 0, 0.0, set()
    for seed in range(TRIALS):

        def read(seed: int = seed) -> Decoded:
            with NoisySums(relative, seed):
                return decode(subject, coded)

        outcome = forked(read, CHECK_TIMEOUT)
        problem = problem_of(outcome)
        part = 1.0 if problem else others(outcome.value, plain)
        failed, worst = failed + bool(part), max(worst, 0.0 if problem else part)
        errors |= {problem} - {""}
    figure = f"{TRIALS - failed} of {TRIALS} decoded"
    if not failed:
        return Finding(HELD, figure)
    ends = "; ".join([*sorted(errors), *([f"{worst:.1%} of y_hat from other symbols, unnoticed"] if worst else [])])
    return Finding(FAILED, figure, f"Where sums differ by {relative:g} of their value, {failed} of {TRIALS}: {ends}.")


def order(subject: Subject) -> Finding:
    if not (subject.safe and subject.rules.exact):
        return Finding(NONE, note="Only exact sums can be added in any order.")
    coded = encode(subject)
    plain = decode(subject, coded)
    with shuffled_sums(seed=1):
        shuffled = decode(subject, coded)
        again = encode(subject)
    if others(shuffled, plain) or (again.strings != coded.strings):
        return Finding(FAILED, "other symbols", "Sums whose terms come in another order give other symbols.")
    return Finding(HELD, "terms shuffled")


def damage(subject: Subject) -> Finding:
    """Cut and flipped streams, each in a process of its own. Runs in the command's own process."""
    start = time.monotonic()
    whole = forked(partial(_written_and_read, subject), CHECK_TIMEOUT)
    if problem := problem_of(whole):
        return Finding(FAILED, problem, f"Even the whole stream: {problem}.")
    coded, plain = whole.value
    limit = HANG + 2 * (time.monotonic() - start)
    cases = list(damaged(coded))
    wrong: dict[str, int] = {}
    for case in cases:
        outcome = forked(lambda case=case: others(decode(subject, case), plain), limit)  # type: ignore[misc]
        if outcome.death:
            said = outcome.death
        elif outcome.error is None:
            said = "other symbols without a word" if outcome.value else ""
        else:
            said = problem_of(outcome) if subject.safe and not isinstance(outcome.error, StreamError) else ""
        if said:
            wrong[said] = wrong.get(said, 0) + 1
    figure = f"{len(cases) - sum(wrong.values())} of {len(cases)} noticed"
    if not wrong:
        return Finding(HELD, figure)
    return Finding(FAILED, figure, "; ".join(f"{n} of {len(cases)}: {said}" for said, n in wrong.items()) + ".")


def damaged(coded: Coded) -> Iterator[Coded]:
    """Each latent's first string empty, cut in half, without its last byte, with a byte more, with a bit flipped."""
    for number, latent in enumerate(coded.strings):
        string = latent[0]
        bad = [b"", string[: len(string) // 2], string[:-1], string + b"\x5a"]
        for place in sorted({0, len(string) // 3, 2 * len(string) // 3, len(string) - 1} & set(range(len(string)))):
            bad.append(string[:place] + bytes([string[place] ^ 0x40]) + string[place + 1 :])
        for replaced in bad:
            strings = [[replaced] if i == number else list(other) for i, other in enumerate(coded.strings)]
            yield coded._replace(strings=strings)


def times(subject: Subject) -> Finding:
    coded = encode(subject)
    encoding, decoding = (
        median(_seconds(f) for _ in range(3)) for f in (lambda: encode(subject), lambda: decode(subject, coded))
    )
    return Finding(SHOWN, f"{1e3 * encoding:.0f} and {1e3 * decoding:.0f} ms")


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peaks(subject: Subject) -> Finding:
    """By how much this process, new since the check began, grows."""
    found = []
    coded: list[Coded] = []
    for work in (lambda: coded.append(encode(subject)), lambda: decode(subject, coded[0])):
        outcome = forked(partial(_growth, work), CHECK_TIMEOUT)
        if problem := problem_of(outcome):
            return Finding(NONE, note=f"Memory cannot be measured: {problem}.")
        found.append(outcome.value)
        if not coded:
            coded.append(encode(subject))
    return Finding(SHOWN, f"{found[0] / 2**20:.0f} and {found[1] / 2**20:.0f} MiB")


def _growth(work: Callable[[], Any]) -> int:
    before = memory("VmRSS")
    work()
    return max(0, memory("VmHWM") - before)


def problem_of(outcome: Outcome) -> str:
    """What went wrong, in words; "" where nothing did."""
    if outcome.error is not None:
        text = " ".join(str(outcome.error).split()).rstrip(".")
        return f"{type(outcome.error).__name__}: {text[:160]}"
    return outcome.death


class Check(NamedTuple):
    name: str
    work: Callable[[Subject], Finding]
    here: bool = False  # whether it forks itself


CHECKS: Sequence[Check] = (
    Check("decoded = forward pass", forward_pass),
    Check("size = likelihoods", size),
    Check("batch = one by one", batch),
    Check("threads", threads, here=True),
    Check("memory layout", layout),
    Check("odd sizes", odd_sizes),
    *(Check(f"noise {relative:.0e}".replace("e-0", "e-"), partial(noise, relative=relative)) for relative in NOISES),
    Check("order of sums", order),
    Check("cut and flipped streams", damage, here=True),
    Check("encode and decode, 1 thread", times),
    Check("memory of encode and decode", peaks),
)


def examine(check: Check, subject: Subject) -> Finding:
    """What `check` finds; a codec that raises, crashes or hangs has failed it."""
    outcome = _here(partial(check.work, subject)) if check.here else forked(partial(check.work, subject), CHECK_TIMEOUT)
    if problem := problem_of(outcome):
        return Finding(FAILED, outcome.death or type(outcome.error).__name__, f"{problem}.")
    return outcome.value


def _here(work: Callable[[], Finding]) -> Outcome:
    try:
        return Outcome(value=work())
    except Exception as error:
        return Outcome(error=error)
