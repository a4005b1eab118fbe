"""python -m handful"""

from handful.cli import main

raise SystemExit(main())
