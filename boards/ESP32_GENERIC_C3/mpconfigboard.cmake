include(boards/ESP32_GENERIC_C3/mpconfigboard.cmake)

set(ALINK_PARTITIONS partitions.csv)
set(ALINK_SDKCONFIG sdkconfig.board)
include(${MICROPY_BOARD_DIR}/../alink.cmake)
