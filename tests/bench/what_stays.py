"""How much is read for questions about documents that don't all have room, against plain recency.
usage: what_stays.py EXAMPLE

EXAMPLE is the built `what_stays` of crates/llama: fifty traces of thirty questions, about documents of 3 to 40 chunks.
"""

import subprocess
import sys

from table import row


def main():
    told = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        room, asked, ours, recency = map(int, line.split())
        # Where any document has room, and several not, plain recency reads less: what comes back has no room at once.
        aim = "<= 0.97" if room < 40 else "<= 1.2"
        row(f"room for {room} chunks: read of {asked}, by recency", ours, recency, "chunks", aim, digits=0)


if __name__ == "__main__":
    main()
