"""`lic data`: data sets as training wants them."""

import argparse
from pathlib import Path

from common.cli.arguments import Parser
from common.cpus import granted
from common.data.fetching import byte_count

DESCRIPTION = """\
Packs photographs into shards, for training on more of them than a file system likes to hold as files:

  lic data pack photos/ packed/
  lic train model=image/mean_hyperprior data=image/shards data.train=packed/ data.test=kodak/ data.name=kodak

Files are stored as they are, in an order that is random and always the same, with their names and checksums;
each is decoded once, to be sure of it. OUT is written whole or not at all. Shards are plain tar files, as
WebDataset has them; move them as you like, with index.json beside them."""

DIGITS = """\
Writes OUT/train/CLASS/NUMBER.png and OUT/test/CLASS/NUMBER.png: 1797 handwritten digits that scikit-learn's
package carries (pip install 'lic[samples]'), 64x64 pixels each, to train a codec with a task on:

  lic data digits digits/
  lic train experiment=image/digits size=tiny data.train=digits/train data.test=digits/test"""


def main(argv: list[str]) -> int:
    """Run `lic data` with the arguments after the verb; LicError says what is wrong with them."""
    parser = Parser("lic data", description="Data sets as training wants them.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser(
        "pack",
        help="pack a folder of photographs into shards",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    packing.add_argument("folder", type=Path, metavar="FOLDER", help="photographs, at any depth")
    packing.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    packing.add_argument(
        "--size-limit", default="256M", metavar="SIZE", help="a shard is full at so much: 64M, 1G (default: 256M)"
    )
    packing.add_argument("--skip", action="store_true", help="leave out pictures that cannot be read, and name them")
    packing.add_argument(
        "--workers",
        type=int,
        default=granted(),
        metavar="N",
        help="threads that decode (default: %(default)s)",
    )
    digits = verbs.add_parser(
        "digits",
        help="write labelled pictures of handwritten digits, of scikit-learn's package",
        description=DIGITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    digits.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    arguments = parser.parse_args(argv)
    if arguments.verb == "digits":
        from common.data.digits import write_digits

        train, test = write_digits(arguments.out)
        print(f"wrote {train} digits to train on and {test} to test on, in folders for each class, in {arguments.out}")
        return 0
    size_limit = byte_count(arguments.size_limit)
    if arguments.workers < 1:
        packing.error("--workers must be at least 1")

    from common.data.packing import pack

    packed = pack(arguments.folder, arguments.out, size_limit, arguments.skip, arguments.workers)
    for reason in packed.left_out:
        print(f"left out: {reason}")
    print(
        f"packed {packed.photographs} photographs ({packed.size / 1e6:.1f} MB) into {packed.shards} "
        f"shard{'s' * (packed.shards != 1)} in {arguments.out}"
    )
    return 0
