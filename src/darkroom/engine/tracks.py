"""Rows as tensors: what each brings to the denoiser, and how they are stacked for one call."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from darkroom.engine.schedule import Schedule
from darkroom.engine.taylor import Taylor

Denoiser: TypeAlias = Callable[..., Tensor]
"""A denoiser of `darkroom.engine.backends.calls`, computed by whichever backend."""


@dataclass(eq=False, slots=True, kw_only=True)
class Track:
    """One row on its way.

    Args:
        latents: (1, …), in the denoiser's dtype.
        schedule: its own.
        lanes: what the denoiser takes with sample and timestep, (1, …) each, for one row of its
            batch or for two: then first what to steer away from.
        guidance: scale of the difference between two lanes.
        reference: tokens (1, S, C) that the denoiser sees behind the latents and does not change.
        key: equal for tracks of one model that may be stacked.
        grid: rows and columns that `latents` are laid out in, where that is not their shape.
        taylor: None computes every step.
        seen: the last sample, its timestep and what was predicted of it; for previews.
    """

    latents: Tensor
    schedule: Schedule
    lanes: Sequence[tuple[Tensor, ...]]
    key: Hashable
    grid: tuple[int, int] = (0, 0)
    guidance: float = 1.0
    reference: Tensor | None = None
    taylor: Taylor | None = None
    seen: tuple[Tensor, Tensor, Tensor] | None = field(default=None, init=False)

    def sample(self) -> Tensor:
        """What the denoiser is shown at the next step, without the reference."""
        return self.schedule.scaled(self.latents)

    def advance(self, sample: Tensor, prediction: Tensor) -> None:
        """Take a computed step, and after it those that are extrapolated."""
        if self.taylor is not None:
            self.taylor.keep(self.schedule.done, prediction)
        self._step(sample, prediction)
        while self.taylor is not None and self.schedule.done < self.schedule.total:
            guessed = self.taylor.at(self.schedule.done)
            if guessed is None:
                return
            self._step(self.sample(), guessed)

    def _step(self, sample: Tensor, prediction: Tensor) -> None:
        self.seen = (sample, self.schedule.timestep, prediction)
        self.latents = self.schedule.advance(prediction, self.latents)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a track's sample was at a step, and what the denoiser made of it; guidance applied."""

    sample: Tensor
    output: Tensor


def predicted(denoiser: Denoiser, tracks: Sequence[Track]) -> Sequence[Prediction]:
    """Call the denoiser once for all of *tracks*, whose keys are equal; none of them is changed."""
    samples = [track.sample() for track in tracks]
    output = denoiser(*_stacked(tracks, samples))
    outputs = iter([output[index : index + 1] for index in range(len(output))])
    return [
        Prediction(sample, _guided(track, outputs, sample))
        for track, sample in zip(tracks, samples, strict=True)
    ]


def _stacked(tracks: Sequence[Track], samples: Sequence[Tensor]) -> tuple[Tensor, ...]:
    shown: list[Tensor] = []
    times: list[Tensor] = []
    for track, sample in zip(tracks, samples, strict=True):
        whole = sample if track.reference is None else torch.cat([sample, track.reference], dim=1)
        shown += [whole] * len(track.lanes)
        times += [track.schedule.timestep.to(torch.float32)] * len(track.lanes)
    lanes = zip(*(lane for track in tracks for lane in track.lanes), strict=True)
    stacked = torch.cat(shown)
    return stacked, torch.stack(times).to(stacked.device), *(torch.cat(one) for one in lanes)


def _guided(track: Track, outputs: Iterator[Tensor], sample: Tensor) -> Tensor:
    whole = [next(outputs)[:, : sample.shape[1]] for _ in track.lanes]
    if len(whole) == 1:
        return whole[0]
    away, toward = whole
    return away + track.guidance * (toward - away)
