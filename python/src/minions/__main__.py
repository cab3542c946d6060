"""`python -m minions`: the program itself."""

import os
import sys

from minions.binary import find

program = find()
os.execv(program, [program, *sys.argv[1:]])
