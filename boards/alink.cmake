# What every board here adds to MicroPython's own definition: sdkconfig, table, frozen alink.
# Include it last. MIT licence.

# Flash of another size than the board's usual one: make CMAKE_ARGS=-DALINK_FLASH=16MB, where the
# board's folder has a table for it. Not a variant of its own: those names belong to MicroPython
# (SPIRAM), and this goes with each.
string(REPLACE "MB" "MiB" ALINK_SIZE "${ALINK_FLASH}")
set(ALINK_PARTITIONS partitions-${ALINK_SIZE}.csv)
set(ALINK_SDKCONFIG sdkconfig.${ALINK_SIZE})
if(NOT EXISTS ${MICROPY_BOARD_DIR}/${ALINK_PARTITIONS})
    set(ALINK_PARTITIONS partitions.csv)
    set(ALINK_SDKCONFIG sdkconfig.board)
endif()

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
