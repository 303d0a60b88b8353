"""What an enterprise makes: codes, bills of materials and weights of its families of products, exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from book_maker.archetypes import Archetype, Material, Need, Step

MICRO = 1_000_000


def exact(value: Fraction) -> int:
    """Micro-units; a quantity that does not come out even is a mistake of the archetype."""
    micro = value * MICRO
    if micro.denominator != 1:
        raise ValueError(f"{value} has more than six decimals")
    return int(micro)


def decimal(value: Fraction) -> str:
    """A fraction as the decimal it is."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
        if places > 30:
            raise ValueError(f"{value} is no decimal")
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


@dataclass(frozen=True)
class Use:
    """An input of a step for one unit of output; of the norm, what is lost and what becomes scrap."""

    code: str
    norm: Fraction
    loss: Fraction
    scrap: Fraction

    @property
    def net(self) -> Fraction:
        """What is in the output."""
        return self.norm - self.loss - self.scrap


@dataclass(frozen=True)
class Output:
    """Something that is made."""

    code: str
    name: str
    hs: str
    uom: str
    uses: tuple[Use, ...]
    co: Output | None = None
    per: Fraction = Fraction(0)
    outside: bool = False


@dataclass
class Family:
    """Codes of one line of products: its materials, its semi-finished goods, its styles.

    Attributes:
        number: of the family. chain: semi-finished outputs from the first step on. styles: the products.
        kg, price: weight and price of a unit by code.
    """

    archetype: Archetype
    number: int
    materials: dict[str, Material] = field(default_factory=dict)
    chain: tuple[Output, ...] = ()
    styles: tuple[Output, ...] = ()
    kg: dict[str, Fraction] = field(default_factory=dict)
    price: dict[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for material in self.archetype.materials:
            code = self.code(material.key)
            self.materials[code] = material
            self.kg[code], self.price[code] = Fraction(material.kg), Fraction(material.price)
        *first, last = self.archetype.steps
        self.chain = tuple(self._output(step, self.code(step.key), step.needs[0]) for step in first)
        self.styles = tuple(
            self._output(last, f"{self.code(last.key)}{chr(65 + i)}", needs)
            for i, needs in enumerate(last.needs)
        )

    def code(self, key: str) -> str:
        """The code of a material or product of this family."""
        return f"{key}-{self.number:03d}"

    def outputs(self) -> list[Output]:
        """All that is made, co-products once."""
        made = [*self.chain, *self.styles]
        return [*made, *{o.co.code: o.co for o in made if o.co}.values()]

    def _output(self, step: Step, code: str, needs: tuple[Need, ...]) -> Output:
        co, per = None, Fraction(0)
        if step.co:
            key, name, hs, many, of, co_needs = step.co
            co = self._weighed(Output(self.code(key), name, hs, "C62", self._uses(co_needs)))
            per = Fraction(many, of)
        return self._weighed(
            Output(code, step.name, step.hs, step.uom, self._uses(needs), co, per, outside=step.outside)
        )

    def _weighed(self, output: Output) -> Output:
        self.kg[output.code] = sum((u.net * self.kg[u.code] for u in output.uses), Fraction(0))
        cost = sum((u.norm * self.price[u.code] for u in output.uses), Fraction(0))
        self.price[output.code] = Fraction(round(cost * 3, -2))
        if output.uom == "KGM" and self.kg[output.code] != 1:
            raise ValueError(f"a kilogram of {output.code} holds {self.kg[output.code]} kg")
        return output

    def _uses(self, needs: tuple[Need, ...]) -> tuple[Use, ...]:
        result = []
        for need in needs:
            norm = Fraction(need.norm)
            result.append(
                Use(self.code(need.key), norm, norm * Fraction(need.loss), norm * Fraction(need.scrap))
            )
        return tuple(result)
