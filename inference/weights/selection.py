"""Which files of a checkpoint a model reads: those of the components that it loads, in one format and one variant."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from inference.errors import ModelIncomplete

INDEX = "model_index.json"
MAX_INDEX_BYTES = 1_000_000
_COMPONENT = re.compile(r"[A-Za-z0-9_]{1,100}")
# Configurations, tokenizers and templates. Never code, and never pickles: only safetensors are read.
_CONFIG = re.compile(r"[A-Za-z0-9_-]+\.(json|txt|model|jinja)")
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(?:\.(?P<before>[A-Za-z0-9_]+))?(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?"
    r"(?:\.(?P<after>[A-Za-z0-9_]+))?\.safetensors"
)
_WEIGHTS_INDEX = re.compile(
    r"(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.(?P<variant>[A-Za-z0-9_]+))?\.json"
)
_NETWORK_CONFIG = "config.json"
# Components of these classes have configurations alone, `tokenizer_config.json` and the like.
_WITHOUT_WEIGHTS = re.compile(r".*(Tokenizer|Processor|Scheduler|Extractor)(Fast|Pil)?")


@dataclass(frozen=True, slots=True)
class WeightsSelection:
    """What a model reads of a checkpoint.

    pipelines: the classes that the index may name. variants: the variants of weights files in the order of preference,
    None for files without one. replaced: networks whose weights come from another file; of them only the configuration
    is read. unused: components that are not read. extra: networks that are read and that the index does not name.
    """

    pipelines: tuple[str, ...]
    variants: tuple[str | None, ...] = (None,)
    replaced: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()

    def select(self, available: Collection[str], index: dict[str, Any], source: str) -> list[str]:
        """Return the files to read, sorted.

        available: paths of the checkpoint's files. index: the content of INDEX. source: its name, for errors.
        Raises ModelIncomplete for a missing file, or the checkpoint of another pipeline.
        """
        self._check_class(index, source)
        selected = [INDEX]
        for component, class_name in self._components(index):
            files = {path.removeprefix(f"{component}/") for path in available if path.startswith(f"{component}/")}
            names = self._select_component(component, class_name, files, source)
            selected += [f"{component}/{name}" for name in names]
        return sorted(selected)

    def _components(self, index: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield name and class of each component to read, with no class for those that the index does not name."""
        for component, entry in index.items():
            if _COMPONENT.fullmatch(component) and _is_component(entry) and component not in self.unused:
                yield component, str(entry[1])
        yield from ((component, "") for component in self.extra)

    def _check_class(self, index: dict[str, Any], source: str) -> None:
        name = str(index.get("_class_name"))
        if name not in self.pipelines:
            raise ModelIncomplete(
                INDEX,
                "The checkpoint %(source)s is for %(found)s, but this engine runs %(expected)s.",
                {"source": source, "found": name, "expected": " or ".join(sorted(self.pipelines))},
            )

    def _select_component(self, component: str, class_name: str, files: set[str], source: str) -> list[str]:
        configs = [name for name in files if _CONFIG.fullmatch(name)]
        is_network = _is_network(class_name, configs)
        if not configs or (is_network and _NETWORK_CONFIG not in configs):
            missing = f"{component}/{_NETWORK_CONFIG}" if is_network else component
            raise ModelIncomplete(
                missing, "The checkpoint %(source)s has no %(file)s.", {"source": source, "file": missing}
            )
        if not is_network or component in self.replaced:
            return configs
        for variant in self.variants:
            if weights := [name for name in files if _is_weights(name, variant)]:
                _check_shards(component, weights, source)
                return configs + weights
        raise ModelIncomplete(
            component,
            "The checkpoint %(source)s has no weights in safetensors for %(network)s.",
            {"source": source, "network": component},
        )


def parse_index(content: bytes) -> dict[str, Any]:
    """Return the content of INDEX. Raises ModelIncomplete if it is not JSON."""
    try:
        index = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelIncomplete(
            INDEX, "%(file)s of the checkpoint is not valid JSON: %(reason)s", {"file": INDEX, "reason": str(error)}
        ) from error
    return index if isinstance(index, dict) else {}


def _is_component(entry: Any) -> bool:
    """Whether an entry of the index is a component, [library, class], and not an option or an absent component."""
    return isinstance(entry, list) and len(entry) == 2 and entry[1] is not None


def _is_network(class_name: str, configs: list[str]) -> bool:
    """Whether a component has weights. transformers 5 names the class of some tokenizers TokenizersBackend."""
    other_configs = [name for name in configs if name.endswith(f"_{_NETWORK_CONFIG}")]
    return not _WITHOUT_WEIGHTS.fullmatch(class_name) and (_NETWORK_CONFIG in configs or not other_configs)


def _is_weights(name: str, variant: str | None) -> bool:
    if match := _WEIGHTS.fullmatch(name):
        return (match["before"] or match["after"]) == variant
    match = _WEIGHTS_INDEX.fullmatch(name)
    return match is not None and match["variant"] == variant


def _check_shards(component: str, weights: Iterable[str], source: str) -> None:
    """Raise ModelIncomplete if weights are divided into several files and one of them is missing."""
    shards = [match for name in weights if (match := _WEIGHTS.fullmatch(name)) and match["shards"]]
    found = {int(match["shard"]) for match in shards}
    expected = {int(match["shards"]) for match in shards}
    if len(expected) > 1 or any(len(found) != count for count in expected):
        file = f"{component}/{min(match.string for match in shards)}"
        raise ModelIncomplete(
            file,
            "The checkpoint %(source)s lacks parts of the weights of %(network)s.",
            {"source": source, "network": component},
        )
