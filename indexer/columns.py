"""Column types for unsigned 64-bit numbers, which neither SQLite nor PostgreSQL has.

The chain gives 64 unsigned bits to quantities, deadlines and occurrence times, and whoever may post may fill
all of them (a refused event is a row too). Nothing here may round or overflow: an index that stops at such a
number could be stopped by anybody. PostgreSQL: NUMERIC(20, 0). SQLite: a column without affinity that holds
an INTEGER up to 2**63 - 1 and beyond that the number as 20 decimal digits of TEXT. SQLite sorts every INTEGER
before every TEXT, so comparison and order stay right, ordinary values stay ordinary integers for whoever
reads the file, and none is ever turned into a REAL.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Numeric
from sqlalchemy.sql.operators import OperatorType, is_comparison
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from ledger.errors import InvariantError

U64_MAX = 2**64 - 1
_SQLITE_INTEGER_MAX = 2**63 - 1


class _NoAffinity(UserDefinedType[Any]):
    """SQLite keeps what it is given in a column declared BLOB: no conversion to INTEGER, TEXT or REAL."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


class U64(TypeDecorator[Any]):
    """An unsigned 64-bit integer, exact on every engine; `int` in Python."""

    impl = Numeric(20, 0, asdecimal=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The engine's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_NoAffinity())
        return dialect.type_descriptor(Numeric(20, 0, asdecimal=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Python to SQL.

        Raises:
            InvariantError: not a whole number of 64 unsigned bits.
        """
        if value is None:
            return None
        number = int(value)
        if number != value or not 0 <= number <= U64_MAX:
            raise InvariantError(f"{value!r} is not an unsigned 64-bit number.")
        if dialect.name != "sqlite":
            return Decimal(number)
        return number if number <= _SQLITE_INTEGER_MAX else f"{number:020d}"

    def process_result_value(self, value: Any,
                             dialect: Dialect) -> Any:  # noqa: ARG002 - signature of SQLAlchemy
        """SQL to Python."""
        return None if value is None else int(value)

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """The type of what a column is compared with: any whole number, whoever asks."""
        compared = op is not None and is_comparison(op) and isinstance(value, int)
        return _Bound() if compared else self


class _Bound(U64):
    """A whole number that a column of 64 unsigned bits is compared with. What lies beyond them is taken for
    the next number outside: nothing kept is less than -1 or more than 2**64.
    """

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Python to SQL."""
        number = max(-1, min(int(value), U64_MAX + 1))
        if dialect.name != "sqlite":
            return Decimal(number)
        return number if number <= _SQLITE_INTEGER_MAX else f"{number:020d}"


class Micro(U64):
    """A quantity in 10⁻⁶ of its unit of measure; `Decimal` in Python, always whole."""

    cache_ok = True

    def process_result_value(self, value: Any,
                             dialect: Dialect) -> Any:  # noqa: ARG002 - signature of SQLAlchemy
        """SQL to Python."""
        return None if value is None else Decimal(int(value))
