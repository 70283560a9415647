# SPDX-License-Identifier: Apache-2.0
# What STEK_SANITIZE, STEK_FUZZ and STEK_COVERAGE mean; applied to everything, the tests included.
if(STEK_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(STEK_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(STEK_SANITIZE)
    message(FATAL_ERROR "STEK_SANITIZE is '${STEK_SANITIZE}': use address, thread, or nothing")
endif()
# Fuzzers steer by coverage: every room counts its branches, not the fuzzer's own file alone.
if(STEK_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
# Counts which lines ran; gcovr reads what the programs leave at their end (tests/coverage.sh).
if(STEK_COVERAGE)
    # Atomic, for some tests have threads: gcov computes with differences, and a lost count shows as
    # less than nothing.
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
