"""What ends the mapper's run, each in one sentence that says what to do.

MapperError
├── ConfigurationError   the settings cannot be read
├── InputError           what is piped in is no Singer stream
└── OutputError          what is written goes nowhere
"""


class MapperError(Exception):
    """The run cannot go on; the message says why and what to do."""


class ConfigurationError(MapperError):
    """The settings cannot be read, or one of them is wrong."""


class InputError(MapperError):
    """A line of the input is no message, or one that the mapper does not take."""


class OutputError(MapperError):
    """The output cannot be written any more."""
