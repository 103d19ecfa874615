# For the old updater, until the new one is there. MIT licence.

from .offer import DEFAULT_MODULE, BadJob, File, Job, parse, valid_version
