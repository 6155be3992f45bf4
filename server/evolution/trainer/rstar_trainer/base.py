"""The base model as a folder of transformers' own format, made once from the GGUF file in use or from a hub."""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .data import Tokenize
from .failures import BAD_BASE, NO_NETWORK, TrainingError, classify
from .job import Base

# Of the folders below: what this program wrote of the GGUF beside what transformers needs.
_FACTS = "rstar-base.json"

# A folder that was begun so long ago, in seconds, is what a kill left behind: a gigabyte.
_LEFT_BEHIND_S = 24 * 3600


@dataclass(frozen=True)
class PreparedBase:
    """A folder with config, tokenizer and bfloat16 weights, and what the GGUF says of its vocabulary."""

    folder: Path
    start: list[int]
    """The beginning-of-text token where the GGUF asks for one."""
    ends: list[int]
    """Tokens with which the model says that a text is over."""


def prepare_base(base: Base, bases: Path) -> PreparedBase:
    """Make the folder unless it is there. Two processes at once do no harm: the folder appears whole or not at all."""
    key = (
        base.sha256[:16]
        if base.hub is None
        else f"{base.sha256[:16]}-{_slug(base.hub.repository)}-{_slug(base.hub.revision)}"
    )
    folder = bases / key
    _discard_left_behind(bases)
    if not (folder / _FACTS).exists():
        partial = bases / f".{key}.{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _write(base, partial)
            partial.rename(folder)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if (folder / _FACTS).exists():
                pass  # Another process was faster.
            elif isinstance(error, Exception):
                raise _explain(error, base) from error
            else:
                raise
    facts = json.loads((folder / _FACTS).read_text("utf-8"))
    return PreparedBase(folder, facts["start"], facts["ends"])


def _discard_left_behind(bases: Path) -> None:
    for begun in bases.glob(".*"):
        # Another process may be deleting it too.
        with suppress(FileNotFoundError):
            if begun.stat().st_mtime < time.time() - _LEFT_BEHIND_S:
                shutil.rmtree(begun, ignore_errors=True)


def load_tokenizer(folder: Path) -> Tokenize:
    """Tokens of one piece of text: marks that look like special tokens are plain text, as in the engine."""
    from tokenizers import Tokenizer

    # Not through transformers, whose class for a model puts its own normaliser back.
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def load_weights(folder: Path, dtype: torch.dtype) -> Any:
    """The model of a prepared base, without gradients."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    model.requires_grad_(False)
    return model


def _write(base: Base, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    if not base.gguf.is_file():
        raise TrainingError(
            BAD_BASE, f"The model file {base.gguf} is not there. Fetch it with: rstar models fetch {base.id}"
        )
    source, name = base.gguf.parent, base.gguf.name
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name)
    if base.hub is None:
        model = AutoModelForCausalLM.from_pretrained(
            source,
            gguf_file=name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(gguf_file=name, dequantize=True),
        )
    else:
        model = AutoModelForCausalLM.from_pretrained(
            base.hub.repository, revision=base.hub.revision, dtype=torch.bfloat16
        )
    # The converter of llama.cpp knows a model by this name, which a GGUF file does not carry.
    model.config.architectures = [type(model).__name__]
    fields = _vocabulary_fields(base.gguf)
    _cut_as_the_engine(tokenizer.backend_tokenizer, fields("pre"))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    facts = {"gguf": base.sha256, **_vocabulary_facts(fields, model.config.vocab_size)}
    (folder / _FACTS).write_text(json.dumps(facts), "utf-8")


# Names in the field `tokenizer.ggml.pre` for which llama.cpp cuts every digit off before GPT-2's pattern does its work.
_DIGIT_BY_DIGIT = {"smollm", "codeshell", "exaone", "minerva-7b", "mellum2"}


def _cut_as_the_engine(tokenizer: Any, pre: str | None) -> None:
    """Undo two differences between transformers' reading of a vocabulary and llama.cpp's; parity looks for more."""
    from tokenizers import pre_tokenizers

    # llama.cpp takes texts as they are: e followed by a combining accent stays two characters.
    tokenizer.normalizer = None
    if pre in _DIGIT_BY_DIGIT:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _vocabulary_fields(gguf_file: Path) -> Callable[[str], Any]:
    from gguf import GGUFReader

    fields = GGUFReader(gguf_file).fields

    def value(key: str) -> Any:
        field = fields.get(f"tokenizer.ggml.{key}")
        return None if field is None else field.contents()

    return value


def _vocabulary_facts(value: Callable[[str], Any], vocabulary: int) -> dict[str, list[int]]:
    bos, eos, eot = value("bos_token_id"), value("eos_token_id"), value("eot_token_id")
    # llama.cpp's own default where the file does not say: only SentencePiece vocabularies start with a token.
    add_bos = value("add_bos_token")
    starts = add_bos if add_bos is not None else value("model") == "llama"
    ends = sorted({token for token in (eos, eot) if token is not None and token < vocabulary})
    return {"start": [bos] if starts and bos is not None else [], "ends": ends}


def _explain(error: Exception, base: Base) -> TrainingError:
    known = classify(error)
    if known.reason != "other":
        return known
    if base.hub is not None:
        return TrainingError(
            NO_NETWORK,
            f"The weights of {base.hub.repository} could not be had ({known.message}). Check the network and the "
            "repository's name, or train on the GGUF file in use (weights: gguf). Nothing was changed.",
        )
    return TrainingError(
        BAD_BASE,
        f"{base.gguf.name} cannot be trained: transformers could not read it ({known.message}). "
        "Choose another base model. Nothing was changed.",
    )


def _slug(text: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in text)
