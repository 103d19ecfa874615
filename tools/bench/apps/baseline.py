# bench: what is alive on the heap once the firmware's modules are there. MIT licence.

import gc

import esp32
import machine  # noqa: F401
import network  # noqa: F401
import ntptime  # noqa: F401
import umqtt.simple  # noqa: F401

esp32.NVS("alink")
esp32.Partition(esp32.Partition.RUNNING).info()
gc.collect()
print("bench alive", gc.mem_alloc())
