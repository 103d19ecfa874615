# The loader: mounts the application of the running slot and arms the trial. MIT licence.
#
# Lives on the board's own file system, is installed once and never updated over the air: so it is
# short and leans on nothing but the firmware. It never runs the application itself: MicroPython
# runs main.py of the directory that this leaves as the current one. That is /app, the volume in
# the slot; or /dev_app, while somebody develops on the board (NVS namespace alink, `dev` is 1).
#
# NVS namespace alink_ota: `boots` counts starts on trial, `end` is how a trial said it ended;
# `trial_ms`, `no_link_ms`, `wdt_ms` replace the limits below.

import binascii
import os
import struct
import sys
import time

import esp32
import machine
import vfs

LOADER = 1


class AppVolume:
    """Read-only block device: the LittleFS behind the image in an app partition."""

    def __init__(self, part, start, block, count):
        self._part = part
        self._start = start
        self._block = block
        self._count = count

    def readblocks(self, n, buf, offset=0):
        at = self._start + n * self._block + offset
        self._part.readblocks(at // 4096, buf, at % 4096)

    def writeblocks(self, n, buf, offset=0):
        raise OSError(30)  # EROFS

    def ioctl(self, op, arg):
        if op == 4:
            return self._count
        if op == 5:
            return self._block
        return 0


class Boot:
    """What this start is; alink finds it as sys.modules["alink_boot"]."""

    loader = LOADER
    trial_ms = 600000  # to confirm, once there is a link: 10 min
    no_link_ms = 1800000  # to get a link at all: 30 min
    wdt_ms = 120000  # for the longest single step; breaks a hang in C

    def __init__(self):
        self.trial = False  # the running image is not confirmed yet
        self.link = False  # it is signed in
        self.boots = 0
        self._changes = 0
        self._until = 0
        self.dev = False  # /dev_app runs, not the slot's application
        self.error = None  # why no application is mounted
        self._nvs = esp32.NVS("alink_ota")
        self._wdt = None
        self._timer = None

    def start(self):
        part = esp32.Partition(esp32.Partition.RUNNING)
        self.trial = self._pending(part)
        if self.trial:
            # Before anything of the new image is touched.
            self._arm()
        try:
            self._mount(part)
        except Exception as e:
            self.error = "%s: %s" % (type(e).__name__, e)
            print("[alink] no application mounted:", self.error)
            self.fail("mount " + self.error)
        if not self.trial:
            self._develop()

    def linked(self, up):
        """The new image has signed in (up) or lost its link: the limit that fits starts anew.

        With a link it is its own fault if it does not confirm; without one it is nobody's.
        """
        if self.trial and up != self.link:
            self.link = up
            self._changes += 1
            if self._changes <= 20:  # or a link that flaps would keep it on trial for ever
                self._limit("trial_ms" if up else "no_link_ms")

    def feed(self):
        """Feed the watchdog, if there is one; on trial also look at the time limit."""
        if self._wdt is not None:
            self._wdt.feed()
        if self.trial:
            self._check()

    def fail(self, text):
        """On trial: leave the reason for the old software, and reset. Otherwise does nothing."""
        if not self.trial:
            return
        try:
            self._nvs.set_blob("end", text[:120].encode())
            self._nvs.commit()
        finally:
            machine.reset()

    def confirmed(self):
        """The trial is over: the image has been marked valid."""
        # The watchdog cannot be stopped, and Timer(0) may be the application's by now.
        self.trial = False

    def _number(self, name):
        try:
            value = self._nvs.get_i32(name)
        except OSError:
            value = 0
        return value if value >= 100 else getattr(self, name)

    def _arm(self):
        self._wdt = machine.WDT(timeout=self._number("wdt_ms"))
        self._limit("no_link_ms")
        self._timer = machine.Timer(0)
        self._tick(None)
        try:
            self.boots = self._nvs.get_i32("boots") + 1
        except OSError:
            self.boots = 1
        try:
            self._nvs.set_i32("boots", self.boots)
            self._nvs.commit()
        except OSError as e:
            # A full NVS is no fault of the new image.
            print("[alink] boots not counted:", e)
        print("[alink] on trial")
        if self.boots > 4:
            # A reset ends a trial in the bootloader: these were soft resets, or deep sleep.
            self.fail("crash started %d times without a reset" % self.boots)

    def _limit(self, name):
        self._until = time.ticks_add(time.ticks_ms(), self._number(name))

    def _tick(self, timer):
        # One shot after the other, so that an application which takes Timer(0) for itself keeps
        # it. The limit holds then, too: see feed().
        left = self._check()
        if self.trial:
            period = min(left, self._number("trial_ms"))
            mode = machine.Timer.ONE_SHOT
            self._timer.init(mode=mode, period=period, callback=self._tick)

    def _check(self):
        left = time.ticks_diff(self._until, time.ticks_ms())
        if left <= 0:
            self.fail("timeout" if self.link else "no-link")
        return left

    def _develop(self):
        try:
            if esp32.NVS("alink").get_i32("dev") != 1:
                return
            os.stat("/dev_app/main.py")
        except OSError:
            return
        self.dev = True
        os.chdir("/dev_app")
        sys.path.insert(1, "/dev_app/lib")
        print("[alink] development: /dev_app runs, not the slot's application")

    @staticmethod
    def _pending(part):
        # otadata by ESP-IDF's rules (esp_ota_select_entry_t): of the two entries the one with the
        # higher sequence counts, if its CRC is right and it is not INVALID (3) or ABORTED (4).
        find = esp32.Partition.find
        slots = [p.info()[1] for p in find(esp32.Partition.TYPE_APP) if 16 <= p.info()[1] < 32]
        found = find(esp32.Partition.TYPE_DATA, subtype=0)
        if not slots or not found:
            return False
        entry = bytearray(32)
        best = 0
        pending = False
        for sector in (0, 1):
            found[0].readblocks(sector, entry, 0)
            seq, _, state, crc = struct.unpack("<I20sII", entry)
            if seq == 0xFFFFFFFF or binascii.crc32(entry[:4], 0xFFFFFFFF) != crc:
                continue
            if best < seq and state not in (3, 4):
                best = seq
                ours = 16 + (seq - 1) % len(slots) == part.info()[1]
                pending = ours and state == 1  # PENDING_VERIFY
        return pending

    @staticmethod
    def _mount(part):
        # Walk the image to its end: header, segments, checksum at the end of a row of 16, hash.
        head = bytearray(24)
        part.readblocks(0, head, 0)
        size = part.info()[3]
        at = 24
        row = bytearray(8)
        for _ in range(head[1]):
            part.readblocks(at // 4096, row, at % 4096)
            at += 8 + struct.unpack("<I", row[4:])[0]
            if at >= size:
                return
        at = (at + 16) & ~15
        if head[23] == 1:
            at += 32
        at = (at + 4095) & ~4095
        if at + 4096 > size:
            return
        block = bytearray(32)
        part.readblocks(at // 4096, block, 0)
        if block[8:16] != b"littlefs":
            return  # everything is frozen into the image: nothing to mount
        size, count = struct.unpack("<II", block[24:])
        vfs.mount(vfs.VfsLfs2(AppVolume(part, at, size, count)), "/app", readonly=True)
        os.chdir("/app")
        sys.path.insert(1, "/app/lib")


sys.modules["alink_boot"] = Boot()
sys.modules["alink_boot"].start()
