# What every board here adds to MicroPython's own definition: sdkconfig, table, frozen alink.
# Include it last, with ALINK_PARTITIONS set to the name of the board's CSV. MIT licence.

# The table's path is known only now: ESP-IDF would look for a bare name in ports/esp32.
set(ALINK_TABLE ${MICROPY_BOARD_DIR}/${ALINK_PARTITIONS})
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.alink
    "CONFIG_PARTITION_TABLE_CUSTOM=y\n"
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${ALINK_TABLE}\"\n")

list(APPEND SDKCONFIG_DEFAULTS
    ${MICROPY_BOARD_DIR}/${ALINK_SDKCONFIG}
    ${CMAKE_BINARY_DIR}/sdkconfig.alink
)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
