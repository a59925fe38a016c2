"""Times and sizes against the peers: `python -m benchmarks.NAME`. Threads wait and libraries are quiet as in every
`lic` command."""

from common.cpus import sleep_while_waiting
from common.warning_filters import quiet

sleep_while_waiting()  # here, as it must come before torch is imported
quiet()
