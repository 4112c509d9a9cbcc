"""The command line: parses, delegates, prints. One file per group of commands."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, NoReturn

import typer

from p2lbench import __version__
from p2lbench.cli import (
    blend,
    cite,
    compare,
    directions,
    doctor,
    edit,
    export,
    figures,
    finetune,
    import_,
    lists,
    merge,
    objects,
    plugins,
    prepare,
    project,
    report,
    rescore,
    results,
    run,
    samples,
    targets,
    tune,
    validate,
    verify,
    weights,
)
from p2lbench.cli.common import STATE, complain
from p2lbench.errors import P2LBenchError

INTERRUPTED = 130

app = typer.Typer(
    name="p2lbench",
    help="Benchmark optimizers that invert images into generative networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run")(run.run)
app.command("validate")(validate.validate)
app.command("project")(project.project)
app.command("tune")(tune.tune)
app.command("samples")(samples.samples)
app.command("targets")(targets.targets)
app.command("finetune")(finetune.finetune)
app.command("leaderboard")(results.leaderboard)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("figures")(figures.figures)
app.command("export")(export.export)
app.command("import")(import_.import_)
app.command("merge")(merge.merge)
app.command("cite")(cite.cite)
app.command("edit")(edit.edit)
app.command("blend")(blend.blend)
app.command("directions")(directions.directions)
app.command("rescore")(rescore.rescore)
app.command("verify")(verify.verify)
app.command("list")(lists.list_)
app.command("measure-objects")(objects.measure_objects)
app.command("doctor")(doctor.doctor)
app.add_typer(plugins.app, name="plugins", help="What is plugged in.")
app.add_typer(prepare.app, name="prepare", help="Draw the paper's images from your folders.")
app.add_typer(weights.app, name="weights", help="The files that networks need.")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"p2lbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""
    STATE.debug = debug


def main() -> NoReturn:
    """Run a command, and turn what it raises into a message and an exit code.

    0: all is well; 1: some cell is not; 2: the user's input is wrong; 130: interrupted.
    """
    # A cluster's scheduler stops jobs by SIGTERM: as clean an end as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(prog_name="p2lbench")
    except P2LBenchError as error:
        if STATE.debug:
            raise
        complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)
