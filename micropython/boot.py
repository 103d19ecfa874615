# The loader: mounts the application of the running slot and arms the trial. MIT licence.
#
# Lives on the board's own file system, is installed once and never updated over the air: so it is
# short and leans on nothing but the firmware. It never runs the application itself: MicroPython
# runs main.py of the directory that this leaves as the current one. That is /app, the volume in
# the slot; or /dev_app, while somebody develops on the board (NVS namespace alink, `dev` is 1).
# What this start is stands in a dictionary, sys.modules["alink_boot"]; nothing else is left.
#
# NVS namespace alink_ota: `boots` counts starts on trial, `end` is how a trial said it ended;
# `trial_ms`, `no_link_ms`, `wdt_ms` replace the limits below.

LOADER = 3


def _boot(loader):
    import binascii
    import os
    import struct
    import sys
    import time

    import esp32
    import machine
    import vfs

    nvs = esp32.NVS("alink_ota")
    # trial: what watches over a new image, None once it is confirmed; dev: /dev_app runs; error:
    # why no application is mounted; wdt: a watchdog that is armed when no trial runs any more;
    # frozen: this is not the board's /boot.py, which the firmware's own goes before; nvs: of
    # alink_ota, since the firmware closes none before a reset.
    boot = {"loader": loader, "nvs": nvs, "trial": None, "dev": False, "error": None, "wdt": None}
    try:
        with open("/boot.py") as f:
            boot["frozen"] = "LOADER" not in f.read(2048)
    except (OSError, ValueError):
        boot["frozen"] = True
    sys.modules["alink_boot"] = boot

    class AppVolume:
        # Read-only block device: the LittleFS behind the image in an app partition.
        def __init__(self, partition, start, block, count):
            self.partition = partition
            self.start = start
            self.block = block
            self.count = count

        def readblocks(self, n, buf, addr=0):
            at = self.start + n * self.block + addr
            self.partition.readblocks(at // 4096, buf, at % 4096)

        def writeblocks(self, n, buf, addr=0):
            raise OSError(30)  # EROFS

        def ioctl(self, op, arg):
            return self.count if op == 4 else self.block if op == 5 else 0

    def pending(partition):
        # otadata by ESP-IDF's rules (esp_ota_select_entry_t): of the two entries the one with the
        # higher sequence counts, if its CRC is right and it is not INVALID (3) or ABORTED (4).
        find = esp32.Partition.find
        slots = [p.info()[1] for p in find(esp32.Partition.TYPE_APP) if 16 <= p.info()[1] < 32]
        data = find(esp32.Partition.TYPE_DATA, subtype=0)
        latest = 0
        new = False
        for idx in (0, 1) if slots and data else ():
            entry = bytearray(32)
            data[0].readblocks(idx, entry, 0)
            seq, _, state, crc = struct.unpack("<I20sII", entry)
            right = seq != 0xFFFFFFFF and binascii.crc32(entry[:4], 0xFFFFFFFF) == crc
            if right and latest < seq and state not in (3, 4):
                latest = seq
                match = 16 + (seq - 1) % len(slots) == partition.info()[1]
                new = match and state == 1  # PENDING_VERIFY
        return new

    def mount(partition):
        # Walk the image to its end: header, segments, checksum at the end of a row of 16, hash.
        def read(at, size):
            buf = bytearray(size)
            partition.readblocks(at // 4096, buf, at % 4096)
            return buf

        size = partition.info()[3]
        head = read(0, 24)
        at = 24
        for _ in range(head[1]):
            at += 8 + struct.unpack("<I", read(at, 8)[4:])[0]
            if at >= size:
                return
        at = (at + 16) & ~15
        if head[23] == 1:
            at += 32
        at = (at + 4095) & ~4095
        if at + 4096 > size:
            return
        head = read(at, 32)
        if head[8:16] != b"littlefs":
            return  # everything is frozen into the image: nothing to mount
        size, count = struct.unpack("<II", head[24:])
        # The cache is a block: each read of the volume is a call from C into Python.
        block = min(size, 512)
        bdev = vfs.VfsLfs2(AppVolume(partition, at, size, count), readsize=block, lookahead=8)
        vfs.mount(bdev, "/app", readonly=True)
        os.chdir("/app")
        if "lib" in os.listdir():
            sys.path.insert(1, "/app/lib")

    def develop():
        try:
            if esp32.NVS("alink").get_i32("dev") != 1:
                return
            os.stat("/dev_app/main.py")
        except OSError:
            return
        boot["dev"] = True
        os.chdir("/dev_app")
        sys.path[1:1] = ["/dev_app/lib", "/app"]
        print("[alink] development: /dev_app runs, not the slot's application")

    def watched():
        class Trial:
            trial_ms = 600000  # to confirm, once there is a link: 10 min
            no_link_ms = 1800000  # to get a link at all: 30 min
            wdt_ms = 120000  # for the longest single step; breaks a hang in C

            def __init__(self):
                # Before anything of the new image is touched.
                self.link = False  # it is signed in
                self.changes = 0
                self.wdt = machine.WDT(timeout=self.number("wdt_ms"))
                self.limit("no_link_ms")
                self.timer = machine.Timer(0)

            def number(self, name):
                try:
                    value = nvs.get_i32(name)
                except OSError:
                    value = 0
                return value if value >= 100 else getattr(self, name)

            def limit(self, name):
                self.until = time.ticks_add(time.ticks_ms(), self.number(name))

            def linked(self, up):
                # It has signed in (up) or lost its link: the limit that fits starts anew. With a
                # link it is its own fault if it does not confirm; without one it is nobody's.
                if up != self.link:
                    self.link = up
                    self.changes += 1
                    if self.changes <= 20:  # or a link that flaps would keep it for ever
                        self.limit("trial_ms" if up else "no_link_ms")

            def feed(self):
                self.wdt.feed()
                self.check()

            def check(self):
                left = time.ticks_diff(self.until, time.ticks_ms())
                if left <= 0:
                    self.fail("timeout" if self.link else "no-link")
                return left

            def fail(self, text):
                # Leave the reason for the old software, and reset.
                try:
                    nvs.set_blob("end", text[:120].encode())
                    nvs.commit()
                finally:
                    machine.reset()

        def tick(timer):
            # One shot after the other, so that an application which takes Timer(0) for itself
            # keeps it; the limit holds then, too: see feed(). (Not a method: it outlives a trial.)
            trial = boot["trial"]
            if trial is not None:
                period = min(trial.check(), trial.number("trial_ms"))
                trial.timer.init(mode=machine.Timer.ONE_SHOT, period=period, callback=tick)

        trial = boot["trial"] = Trial()
        tick(None)
        boots = 1
        try:
            boots += nvs.get_i32("boots")
        except OSError:
            pass  # the first start
        try:
            nvs.set_i32("boots", boots)
            nvs.commit()
        except OSError as e:
            # A full NVS is no fault of the new image.
            print("[alink] boots not counted:", e)
        print("[alink] on trial")
        if boots > 4:
            # A reset ends a trial in the bootloader: these were soft resets, or deep sleep.
            trial.fail("crash started %d times without a reset" % boots)

    partition = esp32.Partition(esp32.Partition.RUNNING)
    if pending(partition):
        watched()
    try:
        mount(partition)
    except Exception as e:
        boot["error"] = "%s: %s" % (type(e).__name__, e)
        print("[alink] no application mounted:", boot["error"])
        if boot["trial"] is not None:
            boot["trial"].fail("mount " + boot["error"])
    if boot["trial"] is None:
        develop()


_boot(LOADER)
del _boot
