# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A statement that is written for every message: PostgreSQL reads and plans it once for a connection."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreparedStatement:
    """SQL with parameters ``%(name)s``, each of a type.

    Attributes:
        name: unique on a connection.
        text: the statement.
        types: {parameter: PostgreSQL's type} of all parameters.
        prepare: the statement that prepares it.
    """

    name: str
    text: str
    types: dict
    prepare: str = field(init=False)

    def __post_init__(self):
        # A parameter without a type is found when the module is loaded, and not by a thread that sends.
        text = self.text % {name: f"${number}" for number, name in enumerate(self.types, 1)}
        prepare = f"PREPARE {self.name} ({', '.join(self.types.values())}) AS {text}"
        object.__setattr__(self, "prepare", prepare)

    @property
    def execute(self):
        """The statement that runs it once it is prepared, with the same parameters as ``text``."""
        return f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in self.types)})"
