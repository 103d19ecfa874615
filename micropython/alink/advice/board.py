# What the codes of the board, and a trial mean: see __init__.py. MIT licence.

TABLE = """
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
