"""One rank of a distributed run: `python -m common.engine.rank FOLDER PARENT`, started by `common.distributed.ddp`."""

import logging
import os
import signal
import sys
import threading
import time

from torch.distributed.elastic.multiprocessing.errors import get_error_handler, record

from common.distributed.ddp import FAULT_OF_INPUT
from common.errors import fault_of_input


def end_with(parent: int) -> None:
    """End this process soon after `parent` is gone, so that a killed sweep leaves no rank behind."""

    def watch() -> None:
        while True:
            time.sleep(1)
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@record
def main() -> None:
    folder, parent = sys.argv[1], int(sys.argv[2])
    end_with(parent)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from common.warning_filters import quiet

    quiet()
    from common.distributed.preempt import Preempted, Request
    from common.engine.fit import fit_and_evaluate
    from common.run import resolvers
    from common.run.folder import RunFolder

    resolvers.register()
    request = Request()  # the agent passes Ctrl-C and SIGTERM on
    request.listen([signal.SIGINT, signal.SIGTERM])
    try:
        fit_and_evaluate(RunFolder(folder), request)
    except (Preempted, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if fault := fault_of_input(error):
            get_error_handler().record_exception(fault)
            sys.exit(FAULT_OF_INPUT)
        raise


if __name__ == "__main__":
    main()
