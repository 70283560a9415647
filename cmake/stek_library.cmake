# SPDX-License-Identifier: Apache-2.0
# stek_room(name SOURCES a.c b.c HEADERS a.h b.h USES other rooms and libraries): one static
# library a room, so that an upward call does not link. Headers are compiled alone by the target
# all_verify_interface_header_sets.
function(stek_room name)
    cmake_parse_arguments(ROOM "" "BASE" "SOURCES;HEADERS;USES;PRIVATE_USES" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${ROOM_BASE} FILES ${ROOM_HEADERS})
    set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
    target_link_libraries(${name} PUBLIC ${ROOM_USES} PRIVATE stek_warnings ${ROOM_PRIVATE_USES})
endfunction()
