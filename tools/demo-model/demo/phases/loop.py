"""The training loop of all phases, which is limited by time or steps, can be resumed, and logs JSON lines."""
import json
import math
import os
import time
import torch

_LOG_SECONDS = 10


class Trainer:
    """Trains one module for the given number of steps, or for the given number of minutes if steps is None. The average weights are
    written to WORK/NAME.pt. If this file already exists, the module begins with the weights in it. beside: a module that is trained
    together with the first one but not saved."""

    def __init__(self, name, model, work, device, minutes, steps, rate, betas=(0.9, 0.95), decay=0.01, beside=None):
        self.name, self.model, self.device = name, model.to(device), device
        self._path, self._log = os.path.join(work, f"{name}.pt"), os.path.join(work, f"{name}.jsonl")
        self._seconds, self._steps, self._rate = 60 * minutes, steps, rate
        learning = [*model.parameters(), *(beside.parameters() if beside else ())]
        matrices = [p for p in learning if p.ndim > 1]
        others = [p for p in learning if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], rate, betas, fused=device != "cpu")
        if os.path.exists(self._path):
            model.load_state_dict(torch.load(self._path, map_location=device))
        state = model.state_dict()
        self.average = {key: value.detach().clone() for key, value in state.items()}
        self._pairs = [(self.average[key], value) for key, value in state.items() if value.is_floating_point()]
        self._followed = 0

    def run(self, loss_of, held_out):
        """Minimizes loss_of(the elapsed share of the time or of the steps), then keeps the average weights and logs held_out()."""
        start = logged = time.monotonic()
        step, fraction = 0, 0.0
        while fraction < 1:
            self._set_rate(step, fraction)
            loss = self._step(loss_of(fraction))
            step += 1
            now = time.monotonic()
            fraction = (now - start) / self._seconds if self._steps is None else step / self._steps
            if now - logged > _LOG_SECONDS or step == 1 or fraction >= 1:
                logged = now
                self.log(step=step, seconds=round(now - start, 1), loss=loss.item())
                self._save()
        self.model.load_state_dict(self.average)
        self._save()
        self.model.eval()
        with torch.no_grad():
            self.log(step=step, seconds=round(time.monotonic() - start, 1), held_out=True, **held_out())

    def log(self, **values):
        line = json.dumps({"phase": self.name, **{k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}})
        print(line, flush=True)
        with open(self._log, "a") as file:
            file.write(line + "\n")

    def _step(self, loss):
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if loss.isfinite():
            self.optimizer.step()
        self._follow()
        return loss

    def _set_rate(self, step, fraction):
        rate = self._rate * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * min(fraction, 1))) + 1e-6
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _follow(self):
        """Updates the moving average of the weights over about 200 steps, or fewer at first. The average is the result."""
        self._followed += 1
        averages, values = zip(*self._pairs)
        torch._foreach_lerp_(averages, values, max(1 / 200, 1 / self._followed))

    def _save(self):
        torch.save(self.average, self._path + ".part")
        os.replace(self._path + ".part", self._path)


def has_state(run, name):
    return os.path.exists(os.path.join(run.work, f"{name}.pt"))


def load(model, name, run):
    """Returns the model with the weights of its phase, or unchanged if the run continues from a set and the phase has not run."""
    if has_state(run, name) or not run.begin:
        model.load_state_dict(torch.load(os.path.join(run.work, f"{name}.pt"), map_location="cpu"))
    return model.to(run.device).eval()
