"""Trains the demo model. See docs/demo-model.md.

usage: train.py PHASE --work DIR --minutes M     one phase; its state stays in DIR
       train.py export --work DIR --out DIR      the checkpoint set of what the phases learned
       train.py all --out DIR --minutes M        every phase and the export
       train.py all --out DIR --smoke            the same in a few steps, on the CPU
"""
import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
import torch
from demo import checkpoints, sizes
from demo.phases import language, sound

PHASES = {
    "stage1": language.stage1, "stage2": language.stage2, "decoder": sound.decoder, "encoder": sound.encoder,
    "vocal_vocoder": sound.vocal_vocoder, "instrumental_vocoder": sound.instrumental_vocoder,
}
# What runs side by side on one device; every group gets an equal part of the minutes
SCHEDULE = (("stage1", "decoder"), ("vocal_vocoder", "instrumental_vocoder", "stage2", "encoder"))


@dataclass(frozen=True)
class Run:
    """What a phase is given."""
    work: str
    device: str
    minutes: float
    steps: int | None           # instead of minutes
    training: sizes.Training

    def compiled(self, module):
        return module if self.device == "cpu" else torch.compile(module, dynamic=False)

    def autocast(self):
        return contextlib.nullcontext() if self.device == "cpu" else torch.autocast(self.device, torch.bfloat16)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phase", choices=[*PHASES, "export", "all"])
    parser.add_argument("--work", help="folder of the phases' states")
    parser.add_argument("--out", help="folder of the finished files")
    parser.add_argument("--minutes", type=float, default=28)
    parser.add_argument("--smoke", action="store_true")
    return parser.parse_args()


def _run(arguments, work):
    on_cpu = arguments.smoke or not torch.cuda.is_available()
    return Run(work, "cpu" if on_cpu else "cuda", arguments.minutes, 2 if arguments.smoke else None, sizes.SMOKE if arguments.smoke else sizes.FULL)


def export(run, out):
    """The checkpoint set: what the phases of a work folder learned."""
    stage1, codec = os.path.join(out, checkpoints.STAGE1_NAME), os.path.join(out, checkpoints.CODEC_NAME)
    checkpoints.write_llama(language.trained_stage1(run), language.prompt.STAGE1, stage1)
    checkpoints.write_tokenizer(stage1)
    checkpoints.write_llama(language.trained_stage2(run), language.prompt.STAGE2, os.path.join(out, checkpoints.STAGE2_NAME))
    checkpoints.write_codec(sound.trained_codec(run), codec)
    checkpoints.write_vocoders(*sound.trained_vocoders(run), codec)


def _all(arguments):
    """The phases in groups of processes side by side, then the export."""
    work = arguments.work or tempfile.mkdtemp(prefix="demo-model-")
    os.makedirs(work, exist_ok=True)
    for group in SCHEDULE:
        share = arguments.minutes / len(SCHEDULE)
        command = [sys.executable, __file__, "--work", work, "--minutes", str(share)] + ["--smoke"] * arguments.smoke
        running = [subprocess.Popen([*command, phase]) for phase in group]
        if any([process.wait() for process in running]):
            sys.exit("a phase failed")
    export(_run(arguments, work), arguments.out)


def main():
    arguments = _arguments()
    if arguments.phase == "all":
        _all(arguments)
    elif arguments.phase == "export":
        export(_run(arguments, arguments.work), arguments.out)
    else:
        torch.manual_seed(0)
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        os.makedirs(arguments.work, exist_ok=True)
        PHASES[arguments.phase](_run(arguments, arguments.work))


if __name__ == "__main__":
    main()
