# Updater: keeps the board's software what the platform says it should be. MIT licence.
#
# The listener, which is all that an idle board has of it. What there is to say after a sign-in
# (hello.py), what a message means (job/gate.py), the work on a job (job/run.py) and what a reset
# has left (after_reset/) are loaded when there is some and let go when it is over. One job at a
# time, whichever module it is for; what is offered meanwhile is asked for again afterwards. A job
# for the slot ends in a reset and a trial, one for another module in its self-test and a report.

import time

from micropython import const

from . import log, parts, trial
from .errors import AlinkError

_E_NO_MEMORY = const(84)

_INBOX_MAX = const(3)
_REST_MS = const(5000)
_QUERY_MS = const(3000)


class Updater:
    """Keeps the board's software what the platform says it should be.

    Updater(device, version, *, ca=None, allow_http=False, block_size=4096, way=None,
        on_job=None, on_progress=None, on_state=None, self_test=None, before_reset=None, feed=None,
        max_attempts=3, retry_trial_ms=600000, prove_ms=60000, fetch=None, sign_key=None,
        target=None, source=None)

    device: Device, not necessarily connected. version: str, of the running software, as the
    platform knows it. ca, allow_http: for the download (see job/https.py, Source). block_size:
    bytes asked for at once in a download over MQTT, 4096 to 131072 (see job/blocks.py). way: how
    an update is taken, "beside" the MQTT session, "in turn" with it, or "alone", after a restart
    without the application; None chooses by the memory that is free (see job/ways.py).
    max_attempts: failures of one job after which it is refused. retry_trial_ms: how long after the
    sign-in a trial that never got a link is tried again. prove_ms: how long a new image has to
    turn the main loop, signed in, before it is reported and confirmed (at most 300000; 0: it only
    has to sign in), unless proven() says before that it works. fetch: dict of what a download
    waits for and how often it is tried again (see after_reset/arguments.py). sign_key: your
    public RSA key (see job/signature.py), with which each file of a job has to be signed; None:
    the one in the settings, read for each job; without either, signatures are not looked at.
    target, source: in place of the inactive slot, and of what the job names (see target.Target,
    job/http.HttpSource).
    Raises ValueError or TypeError for an argument that cannot work.

    Hooks, all optional; an exception in one is logged (in self_test it falls back, in on_job it
    puts off for an hour and is reported; after three of them the job is taken, unasked):
    on_job(job): True or None accepts, False or a reason (str) refuses, a number of seconds defers.
    on_progress(percent): int, 0..100. on_state(state): str, what it does now.
    self_test(): on trial, before the confirmation; False or an exception falls back.
    before_reset(): last words before the board restarts into the new image.
    feed(): called in each poll() and while a step waits, for a watchdog of the application's own;
    not while a name is looked up or a TCP connection is made (up to connect_timeout_ms, 10 s).

    Attributes: version, state (str), job (the Job that is worked on, or was last), error (the
    last AlinkError of a job or a trial). Those without a word here are the package's own.
    """

    def __init__(self, device, version, **settings):
        # What is read here. All else, and what it begins with, is made in after_reset/begin.py:
        # that code is not kept.
        self.device = device
        self.run = None  # the work under way: job/run.py, job/again.py
        self.hello = None  # what is said after a sign-in, until it is taken: hello.py
        self.after = None  # what a reset has left, until it is settled: after_reset/standing.py
        self.deferral = None  # a job that is put off: deferral.py
        self.missed = None  # another job was offered meanwhile: ask in so many ms
        self.error = self.feed = self.on_state = self._polling = self._feed_failed = None
        self._rest = None  # ticks until which nothing is tried, after trouble with memory
        self.refused = ()  # type: tuple  # errors of jobs offered meanwhile that cannot be done
        self._inbox = ()  # type: tuple
        self.greeted = 0  # number of the session in which hello.py was begun
        parts.ask("after_reset.begin", "fill", self, version, settings)
        self.settle()

    def poll(self):
        """Advance by one bounded step: call it from the main loop, as often as the loop turns.

        Bounds: one poll() of the device (see Device.poll), one offer judged, then one of: a
        connection for the download opened (its connect and head time-outs), one piece of 4096
        bytes received, hashed, erased and written, one flash block read back, the new image made
        bootable (set_boot(), which reads all of it once more: 1 to 3 s), one part of another
        target's work (see FilesTarget.work), a self_test, one report sent. Failures of the
        platform, the network, the download, memory and NVS are reported and logged, not raised. On
        trial AlinkError is raised when the confirmation cannot be written: the image falls back
        then. From within a hook it does nothing.
        """
        if self._polling:
            return
        self._polling = True
        try:
            self.feed_all()
            self.device.poll()
            if self._rest is None or time.ticks_diff(self._rest, time.ticks_ms()) <= 0:
                self._rest = None
                self._step()
        except MemoryError:
            # Nothing here is worth the application's main loop. What was offered is asked for
            # again; what is under way goes on, by itself.
            self._rest = time.ticks_add(time.ticks_ms(), _REST_MS)
            self.missed = 0
            if self.error is None or self.error.code != _E_NO_MEMORY:
                self.error = AlinkError(_E_NO_MEMORY, "in poll()")
                log.info("no memory now: again in 5 s")
            elif self.run is not None and not self.run.checking:
                self.run.starve()
        finally:
            self._polling = False

    @property
    def busy(self):
        """True while something is under way that a sleeping main loop would slow down."""
        return self._rest is None and bool(
            (self.run and not self.run.resting)
            or (self.hello and self.hello.busy and self.device.connected)
            or (self._inbox and not trial.running())  # which waits for the confirmation
        )

    def module(self, name, target, version, self_test=None):
        """Keep another part of the board up to date, too: a module with a version of its own.

        name: str, the module's on the platform. target: target.Target, where its downloads go;
        FilesTarget for a set of files. version: str, the one that is there now (of files that
        have never been updated any, "0" for instance: the platform offers nothing to a module
        that has not reported). self_test: called with the new part active; False or an exception
        goes back to what was there. It counts as a failure, as does a reset while it runs.

        A module's job ends without a reset: the new version is reported as soon as the self-test
        has passed, a failure with -1 to -4. Raises ValueError: name, target or version is not one,
        the name is taken, or there are 8 modules already.
        """
        parts.use("modules").add(self, name, target, version, self_test)

    def proven(self):
        """The new image works: on trial it is confirmed in the next turns of the main loop.

        For an application that cannot wait for prove_ms, since it sleeps before: it goes on with
        poll() until trial.running() is False.
        """
        after = self.after
        if after is not None:
            after.left = 0

    def check(self):
        """Ask the platform for a job for each module (the active query).

        An answer is treated like a push.
        """
        self.missed = 0

    # For the package's own parts.

    def set_state(self, state):
        """Tell the application what happens now (str)."""
        self.state = state
        log.debug("state", state)
        self.call(self.on_state, state)

    def call(self, hook, told=None):
        """Call a hook (callable or None): a mistake in it must cost neither update nor loop."""
        if hook is not None:
            try:
                hook() if told is None else hook(told)
            except Exception as e:
                log.failed("a hook", e)

    def feed_all(self):
        """Feed the trial's watchdog and the application's; called while a step waits."""
        trial.feed()
        if self.feed is not None:
            try:
                self.feed()
            except Exception as e:
                # Told once: it is called at every turn.
                if not self._feed_failed:
                    self._feed_failed = True
                    log.failed("feed", e)

    # The steps.

    def _pushed(self, topic, payload):
        # Runs inside the device's poll(): it is kept until it is judged, and that is all. (What
        # answers a query comes on a topic of /sys.)
        if len(self._inbox) < _INBOX_MAX:
            self._inbox += ((payload, topic.startswith("/sys")),)
        else:
            self.missed = 0

    def _long(self, topic, size):
        # A message that is not taken, for its length or for want of memory: see job/overlong.py.
        try:
            return parts.ask("job.overlong", "scan", self, topic, size)
        except MemoryError:
            if self.run is None and not self._inbox and "/ota/" in topic:
                self._inbox = ((None, False),)  # its place is kept: see job/inbox.py
            else:
                self.missed = _REST_MS
            return None

    def _step(self):
        # Looked at often: days later ticks do not tell any more.
        if self.deferral is not None and self.deferral.over():
            self.deferral = None
            self.settle()
        run = self.run
        if run is None or not run.checking:
            self._listen(run)
        # Beside a greeting there is no room for what moves.
        run = self.run
        hello = self.hello
        if (
            run is not None
            and not (hello is not None and hello.busy and self.device.connected)
            and run.step()
        ):
            self.run = run = None
            parts.reserve = parts.reserve or ()  # no download has it any more
            self.settle()
            self.set_state("idle")
            parts.guard()

    def _listen(self, run):
        device = self.device
        new = device.session != self.greeted
        after = self.after
        if (
            device.connected
            and (new or (run is None and self._wants_hello()))
            and (after is None or after.passes())
        ):
            self.hello = None
            self.hello = parts.use("hello").Hello(self, new)
            self.greeted = device.session
        if self.hello is not None and self.hello.step():
            self.hello = None
            self.settle()
        if after is not None and after.step():
            self.after = None
            self.settle()
        # An image on trial is not yet to be replaced, and no job is begun before the platform
        # knows what there is.
        hello = self.hello
        if (
            self._inbox
            and (run is None or run.hears)
            and not trial.running()
            and (hello is None or not hello.busy)
        ):
            if hello is not None:
                # Not beside what waits to ask: that is made anew afterwards.
                self.hello = hello = None
                self.missed = _QUERY_MS
                self.settle()
            parts.ask("job.inbox", "judge", self)
            self.settle()

    def _wants_hello(self):
        # Whether, between two sign-ins, there is something to ask or to answer.
        return self.hello is None and (
            self.missed is not None
            or self.refused
            or (self.deferral is not None and self.deferral.due())
        )

    def settle(self):
        """Let go of what nothing that is left uses."""
        run = self.run
        if run is None:
            parts.drop("job", "", "target")
        elif run.checking or run.closing is not None:
            return
        if self.hello is None:
            parts.drop("hello")
            if self.after is None:
                parts.drop("after_reset")
            if self.after is None or trial.running():
                parts.drop("reports", "record")
                if self.deferral is None:
                    parts.drop("deferral", "nvs", "versions")
