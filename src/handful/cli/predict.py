"""handful predict"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from handful.cli.options import Device, Json, Overwrite, read_set


def predict_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file or run folder.", show_default=False)],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGES...", help="Files, folders, globs.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.", show_default=False)],
    save: Annotated[
        str,
        typer.Option(help="Any of mask,probability,overlay,contours,instances,boundaries,lines,rois,table,coco,rle."),
    ] = "mask,overlay",
    flips: Annotated[
        bool | None,
        typer.Option(
            "--flips/--no-flips",
            help="Average over mirror images: better, four times slower. Default: up to a megapixel.",
            show_default=False,
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Keep the whole process under this, e.g. 2GB. Default: half of what is free."
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="How objects are made: h, holes, min_size, min_probability, smoothing, threshold; repeatable.",
        ),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Predict Zarr on a dask cluster, e.g. tcp://host:8786.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted work in -o.")] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Apply MODEL to images of any size."""
    from handful.cli.terminal import Terminal
    from handful.names import plural
    from handful.verbs.predict import predict

    terminal = Terminal()
    result = predict(
        model,
        images,
        out=out,
        save=[name.strip() for name in save.split(",") if name.strip()],
        device=device,
        flips=flips,
        memory=memory,
        precision=precision,
        objects=read_set(change),
        cluster=cluster,
        resume=resume,
        overwrite=overwrite,
        listener=terminal,
    )
    terminal.close()
    if as_json:
        print(json.dumps({"folder": str(result.folder), "done": result.done, "failed": result.failed}, indent=1))
    else:
        failed = f"; {len(result.failed)} failed, see above" if result.failed else ""
        print(f"{plural(len(result.done), 'image')} predicted into {result.folder}/{failed}.")
    if result.failed:
        raise typer.Exit(1)
