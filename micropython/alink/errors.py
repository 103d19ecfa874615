# Errors with a number, the step the platform is told, and a sentence of advice.
# MIT licence.
#
# Every failure in alink is an AlinkError with one of these codes. The table in advice.py is the
# only place that maps a code to the platform's step ("OTA updates", 89307: -1 upgrade failed, -2
# download failed, -3 verification failed, -4 flash writing failed) and to advice. Advice is short:
# with its code and name it fits into the 128 characters the platform keeps of a report's `desc`.

# Connection (not reported as a step: without a link there is nobody to tell).
CONFIG = 1
CLOCK = 2
TLS = 3
REFUSED = 4
LINK = 5
SUBSCRIBE = 6
TIMEOUT = 7
PROTOCOL = 8
REGISTRATION = 9
NOT_REGISTERED = 10

# The job itself.
JOB_FORM = 20
JOB_FIELD = 21
JOB_PROTOCOL = 22
JOB_MODULE = 23
JOB_DIFF = 24
JOB_REFUSED = 25
ON_TRIAL = 26
ATTEMPTS = 27
INSECURE = 28
LOADER = 29

# Download.
HTTP_STATUS = 40
HTTP_HEAD = 41
HTTP_LENGTH = 42
HTTP_REDIRECT = 43
HTTP_CHUNKED = 44
EXPIRED = 45
DOWNLOAD = 46
BLOCK = 47
BLOCK_REFUSED = 48

# Verification.
DIGEST = 60
READ_BACK = 61
IMAGE_MAGIC = 62
IMAGE_MERGED = 63
IMAGE_CHIP = 64
IMAGE_SEGMENTS = 65
TOO_LARGE = 66
BOOT_REFUSED = 67
SIGNATURE = 68

# A set of files.
ARCHIVE = 70
MEMBER = 71
TOO_MANY = 72

# Flash.
NO_SLOT = 80
FLASH = 81
NVS = 82
NO_SPACE = 83
NO_MEMORY = 84

# After the reset.
TRIAL_CRASHED = 90
TRIAL_TIMEOUT = 91
TRIAL_WATCHDOG = 92
TRIAL_SELF_TEST = 93
TRIAL_PANIC = 94
TRIAL_POWER = 95
TRIAL_NO_LINK = 96

# A module other than the slot's.
MODULE_TEST = 97
MODULE = 98

_DESC_MAX = 128  # characters the platform keeps of `desc` ("OTA updates", 89307)


class AlinkError(Exception):
    """A failure with a name.

    code: int, one of this module's constants. detail: str, what exactly happened; never a
    secret and never a whole signed link. Attributes: code, name (str), step (int, -1..-4),
    advice (str), detail (str).
    """

    def __init__(self, code, detail=""):
        self.code = code
        from .advice import row  # loaded by the first error, not by every board

        self.name, self.step, self.advice = row(code)
        self.detail = str(detail)
        super().__init__(self.text())

    def text(self):
        """One line for the console: number, name, detail and advice."""
        return self._line(self.detail)

    def desc(self):
        """That line for a report's `desc`: at most 128 characters, cut in the detail alone."""
        spare = _DESC_MAX - len(self._line("")) - 2
        return self._line(self.detail[:spare] if spare > 0 else "")

    def _line(self, detail):
        head = "E%d %s: " % (self.code, self.name)
        if detail:
            head += detail + "; "
        return head + self.advice
