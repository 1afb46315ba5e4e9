"""What a reader of the terminal is told when a service cannot run."""


class EmbeddedServiceError(Exception):
    """A service could not be started or reached.

    The first line of the message says what is wrong and what to do next; lines after it, if any, are the end of the
    service's log.
    """
