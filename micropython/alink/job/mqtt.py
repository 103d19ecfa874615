# For an application that makes its own source: downloads over MQTT. MIT licence.
#
# What it uses is not let go when a job is over. The package itself takes job/blocks.py.

from . import blocks

keep = blocks.keep = True  # type: ignore[attr-defined]
MqttSource = blocks.MqttSource
