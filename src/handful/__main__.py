"""python -m handful"""

from handful.cli import run

run()
