include(boards/ESP32_GENERIC_S3/mpconfigboard.cmake)

# Not a variant of its own: those names belong to MicroPython (SPIRAM_OCT), and this goes with each.
if(ALINK_FLASH STREQUAL "16MB")
    set(ALINK_PARTITIONS partitions-16MiB.csv)
    set(ALINK_SDKCONFIG sdkconfig.16MiB)
elseif(ALINK_FLASH STREQUAL "4MB")
    set(ALINK_PARTITIONS partitions-4MiB.csv)
    set(ALINK_SDKCONFIG sdkconfig.4MiB)
else()
    set(ALINK_PARTITIONS partitions.csv)
    set(ALINK_SDKCONFIG sdkconfig.board)
endif()
include(${MICROPY_BOARD_DIR}/../alink.cmake)
