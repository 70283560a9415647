# SPDX-License-Identifier: Apache-2.0
# stek_unit_test(room/file ROOM target [USES ...] [SOURCES ...]): builds tests/unit/<room>/<file>_test.c,
# links it only with its room (and so with the rooms to its left), registers it with CTest.
function(stek_unit_test path)
    cmake_parse_arguments(T "" "TIMEOUT" "ROOM;USES;SOURCES;LABELS" ${ARGN})
    string(REPLACE "/" "_" name ${path})
    add_executable(test_${name} ${CMAKE_SOURCE_DIR}/tests/unit/${path}_test.c ${T_SOURCES})
    target_link_libraries(test_${name} PRIVATE ${T_ROOM} ${T_USES} PkgConfig::CMOCKA stek_warnings)
    target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    add_test(NAME unit/${path} COMMAND test_${name})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    set_tests_properties(unit/${path} PROPERTIES LABELS "unit;${T_LABELS}" TIMEOUT ${T_TIMEOUT})
endfunction()
