import sys

import pytest
import torch

from darkroom.engine.meters import NoMeter, ProcessMeter, meter_of

MEGABYTE = 2**20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process took")


@LINUX
def test_a_process_sees_what_a_piece_of_work_took_at_its_height() -> None:
    meter = ProcessMeter()
    meter.begin()
    taken = torch.ones(200 * MEGABYTE, dtype=torch.uint8)
    height = meter.peak()
    del taken
    assert 190 * MEGABYTE < height < 260 * MEGABYTE
    meter.begin()
    assert meter.peak() < 100 * MEGABYTE


@LINUX
def test_what_is_free_is_what_the_budget_leaves() -> None:
    budget = 64 * 2**30
    free = meter_of(torch.device("cpu"), budget).free()
    assert free is not None
    assert budget - 8 * 2**30 < free < budget
    assert meter_of(torch.device("cpu"), 1).free() == 0


@LINUX
def test_without_a_setting_most_of_the_machine_is_the_budget() -> None:
    assert ProcessMeter().budget > 2**30


def test_where_nothing_can_be_measured_nothing_is_claimed() -> None:
    meter = NoMeter()
    meter.begin()
    assert (meter.budget, meter.free(), meter.peak()) == (0, None, 0)


@pytest.mark.gpu
def test_a_card_tells_what_a_piece_of_work_took() -> None:
    meter = meter_of(torch.device("cuda"))
    meter.begin()
    taken = torch.ones(200 * MEGABYTE, dtype=torch.uint8, device="cuda")
    assert meter.peak() >= taken.numel()
    free = meter.free()
    assert free is not None
    assert 0 < free < meter.budget
