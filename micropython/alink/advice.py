# What each code means: number, name, the platform's step, advice. MIT licence.
#
# One text, read line by line when it is asked: as a dictionary it would take three times the
# memory. Loaded by errors.py for a question, and let go. Advice is short: with its code and name
# it fits into the 128 characters that the platform keeps of a report's `desc`.

TABLE = """
1 config -1 check the setting named here
2 clock-not-set -2 set the time (NTP) before connecting over TLS
3 tls -2 check host name, CA certificates and the board's clock
4 refused -1 check product key, device name and device secret
5 link -2 check the network; it is tried again by itself
6 subscribe-refused -1 foreign topic: check product key and device name
7 timeout -2 the server is silent; it is tried again by itself
8 protocol -2 the server sent something malformed: check host and port
9 registration -1 check product secret, device name; is it switched on, the device not in use yet?
10 not-registered -2 the server gave no secret: it is tried again by itself
20 job-form -1 this form of package is not supported by this firmware
21 job-field -1 the job is incomplete or malformed: create the package again
22 job-protocol -1 this download protocol is not supported: use HTTPS
23 job-module -1 this board has no such module: check the package's module
24 job-diff -1 no difference that this board can read: make it with tools/image.py pack
25 job-refused -1 the application refused this update
26 on-trial -1 the running image is not confirmed yet: send the job again later
27 attempts -1 this image failed too often: release a corrected version
28 insecure-link -1 use an https:// link, or allow http on the board
29 loader -1 install alink's boot.py on the board: it arms the trial
30 left-out -1 not built into this image: image.py build --with that part
31 job-length -1 the offer is too long for the board: fewer files, or less custom data
32 overtaken -1 the platform offers another job in its place
33 other-source -1 the difference is for boards with another release: send the full image
40 http-status -2 check that the package is still on the server
41 http-head -2 the download server's answer is malformed
42 http-length -2 not the job's size: another file, or a proxy's page, is at the link
43 http-redirect -2 redirects are not followed: give the final link
44 http-chunked -2 chunked bodies are not supported: serve a Content-Length
45 link-expired -2 the signed link expired and no fresh one worked: push again
46 download -2 the download kept failing: check the network and push again
47 block -2 a block over MQTT arrived damaged; it is tried again by itself
48 block-refused -2 the platform refuses the file over MQTT: push again, or use HTTPS
49 download-reset -2 five resets at one place of a download: check the power supply
60 digest -3 the file is not what the job promised: upload the package again
61 read-back -4 flash does not hold what was written: the chip may be worn out
62 image-magic -3 not an ESP32 app image: build one with tools/image.py
63 image-merged -3 merged firmware (with bootloader): build a release with tools/image.py
64 image-chip -3 image is for another chip: check the package's product
65 image-segments -3 the image head is damaged: build it again
66 too-large -1 the image does not fit the slot
67 boot-refused -3 the boot check failed: image damaged or not bootable
68 signature -3 not signed with this board's key: sign it with tools/image.py sign
69 no-application -3 a firmware alone: build a release with tools/image.py, with the application
70 archive -3 not an archive this board can unpack: use tools/image.py files
71 member -3 not a file this board unpacks: use tools/image.py files
72 too-many -3 beyond the board's limits: send fewer or smaller files
73 package -3 damaged, or made by other means: make it with tools/image.py pack
80 no-slot -1 no second app slot: flash a partition table with two
81 flash -4 writing to flash failed: power supply or worn-out chip
82 nvs -4 the settings memory (NVS) is full or damaged: erase it and provision the board anew
83 no-space -4 the file system is too full: send less, or free some
84 no-memory -1 too little free memory on the board: let the application hold less
90 trial-crashed -1 release a fixed version
91 trial-timeout -1 release one that confirms in time
92 trial-watchdog -1 release one that does not hang
93 trial-self-test -1 release one that passes its self-test
94 trial-panic -1 see the board's console for the cause
95 trial-interrupted -1 cut short five times: check the power supply, or what resets it
96 trial-no-link -1 no link in five trials: check its network code
97 module-test -1 release one that passes its self-test
98 module -1 the module's target failed: see the board's console
99 trial-version -1 build it again with the --version of its package
100 safe-mode -1 release a fixed version; alink runs alone till then
101 trial-no-updates -1 mend what is named here
102 application-ended -1 it was started again; release a fixed version
"""


# Where the constant is not the name in capitals.
_CONSTANTS = {
    "CLOCK": "clock-not-set",
    "SUBSCRIBE": "subscribe-refused",
    "INSECURE": "insecure-link",
    "EXPIRED": "link-expired",
}


def row(code):
    """(name, step, advice) of an error code (int); KeyError for one that is not in the table."""
    start = TABLE.find("\n%d " % code)
    if start < 0:
        raise KeyError(code)
    line = TABLE[start + 1 : TABLE.index("\n", start + 1)]
    _, name, step, advice = line.split(" ", 3)
    return name, int(step), advice


def name(code):
    """The name of a code (str)."""
    return row(code)[0]


def step(code):
    """The platform's step for a code (int, -1..-4)."""
    return row(code)[1]


def advice(code):
    """What a person can do about it (str)."""
    return row(code)[2]


def code(constant):
    """The code (int) of a constant's name ("LINK"); KeyError for one that there is not."""
    shown = _CONSTANTS.get(constant) or constant.lower().replace("_", "-")
    end = TABLE.find(" %s -" % shown)
    if end < 0 or constant != constant.upper():
        raise KeyError(constant)
    return int(TABLE[TABLE.rindex("\n", 0, end) + 1 : end])


def line(code, detail, size):
    """One line of all of it (str); cut in the detail to `size` characters, unless that is 0."""
    name, _, advice = row(code)
    head = "E%d %s: " % (code, name)
    if size:
        spare = size - len(head) - len(advice) - 2
        detail = detail[:spare] if spare > 0 else ""
    return head + (detail + "; " if detail else "") + advice
