"""Runs the trainer spread with FSDP or DeepSpeed on CPUs.

accelerate offers them for GPUs only; what computes them, PyTorch and DeepSpeed on gloo, does so here too.
"""

import runpy
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor

_begin = AcceleratorState.__init__
_prepare = Accelerator.prepare


def begin(
    self: AcceleratorState, *args: Any, fsdp_plugin: Any = None, deepspeed_plugin: Any = None, **options: Any
) -> None:
    """Choose for processes on CPUs what is chosen for those on GPUs."""
    _begin(self, *args, fsdp_plugin=fsdp_plugin, deepspeed_plugin=deepspeed_plugin, **options)
    if self.distributed_type != DistributedType.MULTI_CPU:
        return
    if fsdp_plugin is not None:
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin
    if deepspeed_plugin is not None:
        import deepspeed.comm.torch

        # Faster exchange between processes of a machine; it would be compiled first.
        deepspeed.comm.torch.build_shm_op = lambda: None
        self.distributed_type = DistributedType.DEEPSPEED
        self.deepspeed_plugins = deepspeed_plugin
        deepspeed_plugin.set_mixed_precision(self._mixed_precision)
        deepspeed_plugin.select(_from_accelerator_state=True)
    PartialState._shared_state["distributed_type"] = self.distributed_type


def prepare(self: Accelerator, *objects: Any, **options: Any) -> Any:
    """Check that the model is spread: with another accelerate the above might do nothing."""
    prepared = _prepare(self, *objects, **options)
    is_engine = type(prepared[0]).__name__ == "DeepSpeedEngine"
    assert is_engine or any(isinstance(parameter, DTensor) for parameter in prepared[0].parameters())
    return prepared


AcceleratorState.__init__ = begin
Accelerator.prepare = prepare
runpy.run_module("rstar_trainer", run_name="__main__")
