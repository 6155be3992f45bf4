"""The processes of a run: one on a laptop, many under `accelerate launch` with DDP, FSDP or DeepSpeed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch.distributed.tensor import DTensor, distribute_tensor

from .checkpoints import write_file

_OPTIMIZER = "optimizer.safetensors"
_ENGINE = "engine"


class Workers:
    """What differs between one process and many; the loop itself is the same."""

    def __init__(self) -> None:
        from accelerate import Accelerator

        self._accelerator = Accelerator()
        self.device: torch.device = self._accelerator.device
        self.count: int = self._accelerator.num_processes
        self.index: int = self._accelerator.process_index
        self.first: bool = self._accelerator.is_main_process
        self._deepspeed = str(self._accelerator.distributed_type).endswith("DEEPSPEED")

    def prepare(self, model: Any, optimizer: torch.optim.Optimizer, limit: float | None) -> tuple[Any, Any]:
        """Wrap model and optimiser as the launch configuration says.

        `limit` is the one that `clip` will be called with: DeepSpeed clips by itself, at the norm it is told here.
        """
        if self._deepspeed:
            config = self._accelerator.state.deepspeed_plugin.deepspeed_config
            # It insists on knowing; a micro-batch is one packed row.
            config["train_micro_batch_size_per_gpu"] = 1
            # accelerate fills in 1 where nothing stands; 0 never clips.
            config["gradient_clipping"] = limit or 0.0
        model, optimizer = self._accelerator.prepare(model, optimizer)
        return model, optimizer

    def describe(self) -> str:
        """The device, for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{self.device.type} ({torch.get_num_threads()} threads)"

    def in_turn(self, work: Callable[[], Any]) -> Any:
        """Let the first process work (it writes a cache), then the others."""
        with self._accelerator.main_process_first():
            return work()

    def backward(self, model: Any, loss: torch.Tensor, *, last: bool) -> None:
        """Accumulate gradients; the processes exchange them at the last micro-batch of a step."""
        self._accelerator.gradient_state._set_sync_gradients(last)
        self._accelerator.backward(loss)

    def accumulating(self, model: Any, *, last: bool) -> AbstractContextManager[Any]:
        """Around forward and backward of a micro-batch: without exchange unless it is the last."""
        return nullcontext() if last or self._deepspeed else self._accelerator.no_sync(model)

    def clip(self, model: Any, limit: float | None) -> float | None:
        """Clip the gradients' norm and return what it was before."""
        if limit is None:
            return None
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        norm = self._accelerator.clip_grad_norm_(trainable, limit)
        return None if norm is None else float(norm)

    def sum(self, values: list[float]) -> list[float]:
        """Add up over all processes."""
        if self.count == 1:
            return values
        # Where the processes compute, since NCCL knows no tensors of the CPU; not all devices have float64.
        dtype = torch.float64 if self.device.type in ("cpu", "cuda") else torch.float32
        tensor = torch.tensor(values, dtype=dtype, device=self.device)
        total: list[float] = self._accelerator.reduce(tensor, reduction="sum").tolist()
        return total

    def wait(self) -> None:
        """Until all processes are here."""
        self._accelerator.wait_for_everyone()

    def adapter(self, model: Any) -> dict[str, torch.Tensor]:
        """The adapter's tensors under the names of PEFT's files, whole. ZeRO 3 gives them to the first process only."""
        if self._deepspeed:
            state = self._accelerator.get_state_dict(model) or {}
            found = {name: tensor for name, tensor in state.items() if ".lora_" in name}
        else:
            found = {name: _whole(parameter) for name, parameter in _trainable(model)}
        return {name.replace(".default.", "."): tensor.detach().cpu().contiguous() for name, tensor in found.items()}

    def save_optimizer(self, model: Any, optimizer: Any, folder: Path) -> None:
        """Write the optimiser's state. Every process takes part."""
        if self._deepspeed:
            self._accelerator.save_state(str(folder / _ENGINE))
            return
        states = optimizer.optimizer.state
        tensors = {
            f"{name}/{key}": _whole(value).detach().cpu().contiguous()
            for name, parameter in _trainable(model)
            for key, value in states[parameter].items()
        }
        if self.first:
            write_file(folder / _OPTIMIZER, save(tensors))

    def load_optimizer(self, model: Any, optimizer: Any, folder: Path) -> None:
        """Read what `save_optimizer` wrote; works with another number of processes too."""
        if self._deepspeed:
            self._accelerator.load_state(str(folder / _ENGINE))
            return
        states: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in load_file(folder / _OPTIMIZER).items():
            parameter, _, key = name.rpartition("/")
            states.setdefault(parameter, {})[key] = tensor
        for name, parameter in _trainable(model):
            optimizer.optimizer.state[parameter] = {
                key: tensor if tensor.dim() == 0 else _like(parameter, tensor) for key, tensor in states[name].items()
            }


def _trainable(model: Any) -> list[tuple[str, torch.Tensor]]:
    """Parameters that train, named as in the model before it was wrapped."""
    return [
        (name.removeprefix("module."), parameter)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that may be spread over the processes (FSDP), in one piece."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _like(parameter: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Spread a whole tensor as the parameter is spread, on the parameter's device."""
    if isinstance(parameter, DTensor):
        return distribute_tensor(tensor.to(parameter.device), parameter.device_mesh, parameter.placements)
    return tensor.to(parameter.device)
