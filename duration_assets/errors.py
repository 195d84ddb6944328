"""Every error that a user can meet, with a message that says what is wrong, where, and what to do.

Only exceptions belong here, and what several of them say. The command line prints the message of a
`DurationError` and nothing else; anything that is not a `DurationError` is a bug and keeps its
traceback.
"""

RESUME = "Nothing that was finished is lost: run it again to go on from there."
"""What to do after a training that stopped, for whatever reason."""


class DurationError(Exception):
    """Base of the errors that are explained to the user by their message alone.

    Attributes:
        passes: whether the same may go well later with nothing done about it: a run that failed
            with such an error is started again.
    """

    passes = False


class SettingsError(DurationError):
    """A setting or an argument has a value that cannot be used."""


class HomeError(DurationError):
    """The home folder cannot be used as it is, for one because another source filled it."""


class SourceError(DurationError):
    """A month could not be fetched from the source."""


class NotPublishedError(SourceError):
    """The source answers, and does not have this month."""


class MissingSourceError(SourceError):
    """The folder, or the bucket, is not there, or holds no month of any service."""


class SourceAccessError(SourceError):
    """The source does not accept the credentials, or there are none."""


class ThrottledError(SourceError):
    """The source refuses to answer for now; the same request may succeed later."""

    passes = True


class UnreachableError(SourceError):
    """The source cannot be reached, or failed while answering, also after retries."""

    passes = True


class BadFileError(DurationError):
    """A trip file is damaged, is no Parquet file, or lacks what its service needs."""


class BadTripError(DurationError):
    """A trip lacks what a prediction needs."""


class MissingPartitionError(DurationError):
    """A month that a step needs is not in the store."""


class RefusedPartitionError(DurationError):
    """A month is in the store, but a blocking check says that nothing may be built on it."""


class StoreError(DurationError):
    """The store could not be written, for one because the disk is full."""


class PartitionLockedError(DurationError):
    """Another process is writing the same partition."""

    passes = True


class TrackingError(DurationError):
    """MLflow cannot be reached, or refused what was logged."""


class RegistryError(TrackingError):
    """MLflow's registry does not hold the version asked for, or not as a training left it."""


class ChampionError(DurationError):
    """A model cannot be made the one in use by hand, for one because it is already."""


class UnreachableTrackingError(TrackingError):
    """MLflow's server does not answer."""

    passes = True


class ServerError(DurationError):
    """A web page cannot be served, for one because its port is taken."""
