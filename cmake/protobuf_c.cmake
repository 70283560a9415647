# SPDX-License-Identifier: Apache-2.0
# stek_proto(target file.proto...): protobuf-c code into the build folder, never into the tree.
find_program(PROTOC_C protoc-c REQUIRED)

function(stek_proto target)
    set(sources "")
    foreach(proto IN LISTS ARGN)
        string(REGEX REPLACE "\\.proto$" "" stem ${proto})
        set(out ${CMAKE_CURRENT_BINARY_DIR}/${stem}.pb-c)
        add_custom_command(
            OUTPUT ${out}.c ${out}.h
            COMMAND ${PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR}
                    -I${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
            DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
            VERBATIM)
        list(APPEND sources ${out}.c)
    endforeach()
    add_library(${target} STATIC ${sources})
    # Generated code does not follow our warnings; it is not ours to mend.
    target_compile_options(${target} PRIVATE -w)
    target_include_directories(${target} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
    target_link_libraries(${target} PUBLIC PkgConfig::PROTOBUF_C)
endfunction()
