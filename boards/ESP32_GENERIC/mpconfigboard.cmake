include(boards/ESP32_GENERIC/mpconfigboard.cmake)

# Not a variant of its own: those names belong to MicroPython (SPIRAM), and this goes with each.
if(ALINK_FLASH STREQUAL "16MB")
    set(ALINK_PARTITIONS partitions-16MiB.csv)
    set(ALINK_SDKCONFIG sdkconfig.16MiB)
elseif(ALINK_FLASH STREQUAL "8MB")
    set(ALINK_PARTITIONS partitions-8MiB.csv)
    set(ALINK_SDKCONFIG sdkconfig.8MiB)
else()
    set(ALINK_PARTITIONS partitions.csv)
    set(ALINK_SDKCONFIG sdkconfig.board)
endif()
include(${MICROPY_BOARD_DIR}/../alink.cmake)
