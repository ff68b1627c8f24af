"""What ends a run before its work is done. Error handlers must not swallow these exceptions."""


class JobCancelled(BaseException):
    """The job is to end, because its cancellation was requested."""


class Interrupted(BaseException):
    """This process is to end, but not the job."""


class Superseded(BaseException):
    """Another process has taken the job over."""
