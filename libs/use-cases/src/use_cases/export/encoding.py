"""Texts as numbers: a symbol per character, after lower case and without accents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from use_cases.export.characters import (
    CAPITAL_SIGMA,
    FINAL_SIGMA,
    SIGMA,
    Symbols,
    cased_and_ignorable,
    expansions,
)
from use_cases.export.nodes import Nodes

NOTHING = 0
_CASED, _IGNORABLE, _SIGMA = 1, 2, 3


@dataclass(frozen=True)
class Encoding:
    """How characters become symbols: lower case, then `strip`, then `symbols`.

    Characters that `symbols` lacks become `other`, 0 means that there is no character, and `edge`
    is added at both ends.
    """

    symbols: Mapping[str, int]
    other: int
    edge: int
    lowercase: bool
    strip: Callable[[str], str] | None
    special: Mapping[str, int]
    """Characters with a fixed symbol, regardless of lower case and accents."""

    def encode(self, nodes: Nodes, text: str) -> str:
        """Return the symbols [N, L] of texts [N, 1]; rows end with zeros where they are shorter."""
        characters = nodes.add(
            "Squeeze",
            nodes.add(
                "Tokenizer", text, op_domain="com.microsoft", mark=0, pad_value="", mincharnum=1,
                separators=[""],
            ),
            nodes.ints([1]),
        )  # fmt: skip
        table, default = expansions(self.symbols, self.other, self.lowercase, self.strip)
        table |= {character: (symbol,) for character, symbol in self.special.items()}
        table[""] = (NOTHING,)
        if {len(default), *map(len, table.values())} == {1}:
            codes = {character: made[0] for character, made in table.items()}
            symbols = self._codes(nodes, characters, codes, default[0])
        else:
            symbols = self._expanded(nodes, characters, table, default)
        return nodes.add("Pad", symbols, nodes.ints([0, 1, 0, 1]), nodes.ints(self.edge))

    def _expanded(
        self, nodes: Nodes, characters: str, table: Mapping[str, Symbols], default: Symbols
    ) -> str:
        rows = sorted({(NOTHING,), default, *table.values()})
        width = max(map(len, rows))
        codes = {character: rows.index(made) for character, made in table.items()}
        encoded = self._codes(nodes, characters, codes, rows.index(default))
        # So that there is a character in texts that are all empty.
        encoded = nodes.add("Pad", encoded, nodes.ints([0, 0, 0, 1]), nodes.ints(0))
        filled = nodes.ints([[*row, *[NOTHING] * (width - len(row))] for row in rows])
        spread = nodes.add("Gather", filled, encoded, axis=0)
        flat = nodes.add("Reshape", spread, nodes.ints([0, -1]))
        return nodes.packed(flat, nodes.as_int(nodes.above(flat, NOTHING)))

    def _codes(self, nodes: Nodes, characters: str, codes: Mapping[str, int], default: int) -> str:
        encoded = _labels(nodes, characters, codes, default)
        letters = {FINAL_SIGMA, SIGMA} & self.symbols.keys()
        known = {self.symbols[letter] for letter in letters}
        if not self.lowercase or not letters or len(known) == 1 == len(letters) - 1:
            return encoded
        final = _final_sigmas(nodes, characters)
        return nodes.add("Where", final, nodes.ints(codes.get(FINAL_SIGMA, default)), encoded)


def _final_sigmas(nodes: Nodes, characters: str) -> str:
    """Return where a capital sigma ends a word: a cased letter stands before it, and none behind,
    but for characters that do not count.
    """
    cased, ignorable = cased_and_ignorable()
    kinds = dict.fromkeys(sorted(cased), _CASED) | dict.fromkeys(sorted(ignorable), _IGNORABLE)
    kind = _labels(nodes, characters, kinds | {CAPITAL_SIGMA: _SIGMA}, 0)
    padded = nodes.add("Pad", kind, nodes.ints([0, 1, 0, 1]), nodes.ints(0))
    counts = nodes.as_int(nodes.add("Not", nodes.add("Equal", padded, nodes.ints(_IGNORABLE))))
    order = nodes.running_sum(counts)
    is_cased = nodes.as_int(nodes.above(nodes.add("Mul", padded, counts), 0))
    room = nodes.filled(
        padded, nodes.add("Add", nodes.add("ReduceMax", order, keepdims=0), nodes.ints(2)), 0
    )
    # What does not count goes where nothing is read: before the first that does.
    found = nodes.scatter(room, nodes.add("Mul", order, counts), is_cased)
    before = nodes.add("GatherElements", found, nodes.add("Sub", order, nodes.ints(1)), axis=1)
    behind = nodes.add("GatherElements", found, nodes.add("Add", order, nodes.ints(1)), axis=1)
    ends = nodes.add("Greater", before, behind)
    final = nodes.add("And", ends, nodes.add("Equal", padded, nodes.ints(_SIGMA)))
    return nodes.slice(final, 1, -1)


def _labels(nodes: Nodes, tensor: str, codes: Mapping[str, int], default: int) -> str:
    return nodes.add(
        "LabelEncoder",
        tensor,
        op_domain="ai.onnx.ml",
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=default,
    )
