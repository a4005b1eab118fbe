"""The verbs of `handful`, in the order of the work."""

from __future__ import annotations

from typing import Annotated

import typer

from handful import __version__
from handful.cli.check import check_command
from handful.cli.compare import compare_command
from handful.cli.curve import curve_command
from handful.cli.demo import demo_command
from handful.cli.describe import describe_command
from handful.cli.evaluate import evaluate_command
from handful.cli.predict import predict_command
from handful.cli.pretrain import pretrain_command
from handful.cli.recipe import recipe_command
from handful.cli.suggest import suggest_command
from handful.cli.synth import synth_command
from handful.cli.train import train_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # "rich" takes [default: 120] in a help text for a style and leaves it out
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a good image segmenter from a handful of labelled images, in minutes, on the machine you have.",
)
app.command("check")(check_command)
app.command("train")(train_command)
app.command("predict")(predict_command)
app.command("evaluate")(evaluate_command)
app.command("curve")(curve_command)
app.command("suggest")(suggest_command)
app.command("describe")(describe_command)
app.command("synth", no_args_is_help=True)(synth_command)
app.command("pretrain", no_args_is_help=True)(pretrain_command)
app.command("compare")(compare_command)
app.command("recipe")(recipe_command)
app.command("demo")(demo_command)


def show_version(wanted: bool) -> None:
    if wanted:
        print(f"handful {__version__}")
        raise typer.Exit()


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What comes before any verb."""
