"""The loop that every phase trains in: bounded by the clock, resumable, logging JSON lines."""
import json
import math
import os
import time
import torch

_LOG_SECONDS = 10


class Trainer:
    """Trains one module until its time is up; its state lies in WORK/NAME.pt."""

    def __init__(self, name, model, work, device, minutes, steps, rate, betas=(0.9, 0.95), decay=0.01):
        self.name, self.model, self.device = name, model.to(device), device
        self._path, self._log = os.path.join(work, f"{name}.pt"), os.path.join(work, f"{name}.jsonl")
        self._seconds, self._steps, self._rate = 60 * minutes, steps, rate
        matrices = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], rate, betas, fused=device != "cpu")
        self.average = {key: value.detach().clone() for key, value in model.state_dict().items()}

    def run(self, loss_of, held_out=None):
        """Takes steps on loss_of(step) until time or steps are up, then keeps the average weights.

        loss_of gives the loss, or the loss and a dict of what to log beside it. held_out() gives a dict to log now and then."""
        start = logged = time.monotonic()
        step, fraction = 0, 0.0
        while fraction < 1:
            self._set_rate(step, fraction)
            loss, extra = self._step(loss_of(step))
            step += 1
            now = time.monotonic()
            fraction = (now - start) / self._seconds if self._steps is None else step / self._steps
            if now - logged > _LOG_SECONDS or step == 1 or fraction >= 1:
                logged = now
                self.log(step=step, seconds=round(now - start, 1), loss=loss.item(), **{k: float(v) for k, v in extra.items()})
                self._save()
        self.model.load_state_dict(self.average)
        self._save()
        if held_out is not None:
            self.model.eval()
            with torch.no_grad():
                self.log(step=step, seconds=round(time.monotonic() - start, 1), held_out=True, **held_out())

    def log(self, **values):
        line = json.dumps({"phase": self.name, **{k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}})
        print(line, flush=True)
        with open(self._log, "a") as file:
            file.write(line + "\n")

    def _step(self, result):
        loss, extra = result if isinstance(result, tuple) else (result, {})
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if loss.isfinite():
            self.optimizer.step()
        self._follow()
        return loss, extra

    def _set_rate(self, step, fraction):
        rate = self._rate * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * min(fraction, 1))) + 1e-6
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _follow(self):
        """The weights' moving average is what is kept: over about 200 steps, fewer at first."""
        self._followed = getattr(self, "_followed", 0) + 1
        weight = max(1 / 200, 1 / self._followed)
        state = self.model.state_dict()
        floats = [k for k in state if state[k].is_floating_point()]
        torch._foreach_lerp_([self.average[k] for k in floats], [state[k] for k in floats], weight)

    def _save(self):
        torch.save(self.average, self._path + ".part")
        os.replace(self._path + ".part", self._path)


def load(model, name, work, device):
    """The model with what its phase learned."""
    model.load_state_dict(torch.load(os.path.join(work, f"{name}.pt"), map_location=device))
    return model.to(device).eval()
