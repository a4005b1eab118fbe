"""handful check"""

from __future__ import annotations

import json

from handful.cli.options import Data, Foreground, Images, Json, MaskKind, Masks, Values


def check_command(
    data: Data = None,
    images: Images = None,
    masks: Masks = None,
    values: Values = None,
    mask_kind: MaskKind = None,
    foreground: Foreground = None,
    as_json: Json = False,
) -> None:
    """Audit DATA: what is here, how labels were read, every problem in plain words."""
    from handful.cli.terminal import Terminal, show
    from handful.data.check import summary_lines
    from handful.verbs.train import DataFlags

    terminal = Terminal()
    flags = DataFlags(images=images, masks=masks, values=values, mask_kind=mask_kind, foreground=foreground)
    audit = flags.audit(data, terminal)
    terminal.close()
    if as_json:
        print(json.dumps(audit.to_dict(), indent=1, ensure_ascii=False))
        return
    lines = [f"{problem.severity:8} {problem}" for problem in audit.problems]
    if lines:
        lines.append("")
    lines += summary_lines(audit)
    show(lines)
