"""Runs the trainer spread with FSDP on CPUs: accelerate offers that for GPUs only, PyTorch and gloo compute it here."""

import runpy
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor

_begin = AcceleratorState.__init__
_prepare = Accelerator.prepare


def begin(self: AcceleratorState, *args: Any, fsdp_plugin: Any = None, **options: Any) -> None:
    """Choose FSDP for processes on CPUs, as it is chosen for those on GPUs."""
    _begin(self, *args, fsdp_plugin=fsdp_plugin, **options)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin


def prepare(self: Accelerator, *objects: Any, **options: Any) -> Any:
    """Check that the model is spread: with another accelerate the above might do nothing."""
    prepared = _prepare(self, *objects, **options)
    assert any(isinstance(parameter, DTensor) for parameter in prepared[0].parameters())
    return prepared


AcceleratorState.__init__ = begin
Accelerator.prepare = prepare
runpy.run_module("rstar_trainer", run_name="__main__")
