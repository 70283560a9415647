# SPDX-License-Identifier: Apache-2.0
# One interface target with the warnings and hardening flags of every target of ours.
add_library(stek_warnings INTERFACE)
target_compile_options(stek_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Wwrite-strings
    -fstack-protector-strong -fstack-clash-protection -fno-common)
if(STEK_WERROR)
    target_compile_options(stek_warnings INTERFACE -Werror)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT STEK_SANITIZE)
    target_compile_definitions(stek_warnings INTERFACE _FORTIFY_SOURCE=2)
endif()
target_compile_definitions(stek_warnings INTERFACE _GNU_SOURCE)
target_link_options(stek_warnings INTERFACE LINKER:-z,relro,-z,now,-z,noexecstack)
# Assertions hold our own mistakes and stay on in release builds.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
