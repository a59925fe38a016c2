"""Times and sizes against the peers: `python -m benchmarks.NAME`. Threads wait as in every `lic` command."""

from common.cpus import sleep_while_waiting

sleep_while_waiting()  # here, as it must come before torch is imported
