"""Trains the demo model. See docs/demo-model.md.

usage: train.py PHASE [PHASE ...] --work DIR --minutes M     runs phases in parallel, for M minutes each
       train.py export --work DIR --out DIR                  writes the checkpoint set of the phases
       train.py all --out DIR [--work DIR] --minutes M       runs every phase and the export
       train.py all --out DIR --smoke                        does the same with two steps per phase, as a smoke test

With --from SET, a phase without a state begins with the weights of a checkpoint set, and an exported set contains the weights of
that set for phases that did not run. If several phases continue from a set, those other than stage1 get half of the minutes.

A phase's state and log are NAME.pt and NAME.jsonl in the work folder. A phase continues from its state.
"""
import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
import torch
from demo import checkpoints, sizes
from demo.phases import language, loop, sound

PHASES = {
    "stage1": language.stage1, "stage2": language.stage2, "decoder": sound.decoder, "encoder": sound.encoder,
    "vocal_vocoder": sound.vocal_vocoder, "instrumental_vocoder": sound.instrumental_vocoder,
}
# Groups of phases. The phases of a group run in parallel on one device, and every group gets an equal share of the minutes. In the
# second group, stage 1 continues as a model that can already sing.
SCHEDULE = (("stage1", "decoder", "stage2"), ("stage1", "vocal_vocoder", "instrumental_vocoder", "encoder"))
SCHEDULE_FROM_SET = (("stage1", "decoder", "stage2", "instrumental_vocoder", "encoder"), ("stage1",))
_FROM_SET_SHARE = 0.5                           # share of the minutes for models other than stage 1 that continue from a set
_SMOKE_STEPS = 2


@dataclass(frozen=True)
class Run:
    """The options of a phase."""
    work: str
    device: str
    minutes: float
    steps: int | None           # instead of minutes
    training: sizes.Training
    eager: bool = False
    begin: str | None = None    # a checkpoint set to continue from
    later: bool = False         # stage 1 can already sing

    def compiled(self, function):
        """Compiles a function, except on the CPU or if eager is set. A function that does not compile runs unchanged."""
        if self.device == "cpu" or self.eager:
            return function
        torch._dynamo.config.suppress_errors = True
        return torch.compile(function, dynamic=False)

    def autocast(self):
        return contextlib.nullcontext() if self.device == "cpu" else torch.autocast(self.device, torch.bfloat16)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phases", nargs="+", choices=[*PHASES, "export", "all"])
    parser.add_argument("--from", dest="begin", metavar="SET", help="folder of a finished set to continue from")
    parser.add_argument("--work", help="folder for the phases' states")
    parser.add_argument("--out", help="folder for the finished files")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--eager", action="store_true", help="do not use torch.compile")
    parser.add_argument("--later", action="store_true", help="train stage 1 at the lower rate for a model that can already sing")
    return parser.parse_args()


def _run(arguments):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps, training = (_SMOKE_STEPS, sizes.SMOKE) if arguments.smoke else (None, sizes.FULL)
    return Run(arguments.work, device, arguments.minutes, steps, training, arguments.eager or arguments.smoke, arguments.begin, arguments.later)


def export(run, out):
    """Writes the checkpoint set: the weights of the phases in the work folder, and for phases that did not run, those of run.begin."""
    if run.begin:
        shutil.copytree(run.begin, out, dirs_exist_ok=True)

    def is_due(*phases):
        return not run.begin or any(loop.has_state(run, name) for name in phases)

    stage1, codec = os.path.join(out, checkpoints.STAGE1_NAME), os.path.join(out, checkpoints.CODEC_NAME)
    if is_due("stage1"):
        checkpoints.write_llama(language.trained_stage1(run), language.prompt.STAGE1, stage1)
        checkpoints.write_tokenizer(stage1)
    if is_due("stage2"):
        checkpoints.write_llama(language.trained_stage2(run), language.prompt.STAGE2, os.path.join(out, checkpoints.STAGE2_NAME))
    if is_due("decoder", "encoder"):
        checkpoints.write_codec(sound.trained_codec(run), codec)
    if is_due("vocal_vocoder", "instrumental_vocoder"):
        checkpoints.write_vocoders(*sound.trained_vocoders(run), codec)


def _side_by_side(phases, arguments, minutes, later):
    """Runs each phase in a separate process."""
    command = [sys.executable, __file__, "--work", arguments.work]
    command += ["--smoke"] * arguments.smoke + ["--eager"] * arguments.eager + ["--later"] * later
    command += ["--from", arguments.begin] if arguments.begin else []
    shares = {phase: _FROM_SET_SHARE if arguments.begin and phase != "stage1" else 1 for phase in phases}
    running = [subprocess.Popen([*command, "--minutes", str(minutes * share), phase]) for phase, share in shares.items()]
    if any([process.wait() for process in running]):
        sys.exit("a phase failed")


def _all(arguments):
    arguments.work = arguments.work or tempfile.mkdtemp(prefix="demo-model-")
    schedule = SCHEDULE_FROM_SET if arguments.begin else SCHEDULE
    for i, group in enumerate(schedule):
        _side_by_side(group, arguments, arguments.minutes / len(schedule), later=i > 0)
    export(_run(arguments), arguments.out)


def main():
    arguments = _arguments()
    if arguments.phases == ["all"]:
        _all(arguments)
    elif arguments.phases == ["export"]:
        export(_run(arguments), arguments.out)
    elif len(arguments.phases) > 1:
        _side_by_side(arguments.phases, arguments, arguments.minutes, arguments.later)
    else:
        torch.manual_seed(0)
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
        os.makedirs(arguments.work, exist_ok=True)
        PHASES[arguments.phases[0]](_run(arguments))


if __name__ == "__main__":
    main()
