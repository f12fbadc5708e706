"""Run pages of the documentation and print, as JSON, what came of their blocks: for `test_docs`.

A process of its own, whose annotations are not checked: readers' are not either, and it is three times as
fast. All pages are in one, so that a flow that several of them compile is compiled once.
"""

import json
import sys
import traceback

from shared_flows import shared_compile

from page_blocks import DOCS, blocks
from page_run import run


def outcomes(page: str) -> dict:
    """The outcomes of a page's blocks, as far as they ran, and the traceback of the one that failed."""
    done = []
    try:
        for outcome in run(blocks((DOCS / page).read_text(encoding="utf-8")), shared_compile):
            done.append(
                {"missing": outcome.missing, "printed": outcome.printed, "figures": list(outcome.figures)}
            )
    except BaseException:
        return {"outcomes": done, "failed": traceback.format_exc()}
    return {"outcomes": done, "failed": None}


if __name__ == "__main__":
    print(json.dumps({page: outcomes(page) for page in sys.argv[1:]}))
