# SPDX-License-Identifier: Apache-2.0
# stek_proto(target file.proto...): protobuf-c code into the build folder, never into the tree.
# stek_descriptors(target file.proto...): adds stek/descriptors.pb-c.h to such a target, the same files
# as a google.protobuf.FileDescriptorSet.
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

function(stek_descriptors target)
    set(set ${CMAKE_CURRENT_BINARY_DIR}/proto_descriptors.bin)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/stek/descriptors.pb-c)
    set(script ${CMAKE_SOURCE_DIR}/cmake/embed_bytes.cmake)
    set(files ${ARGN})
    list(TRANSFORM files PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    # protoc-c is a whole protoc: no other compiler is needed to have the descriptors.
    add_custom_command(
        OUTPUT ${out}.c ${out}.h
        COMMAND ${PROTOC_C} -I${CMAKE_CURRENT_SOURCE_DIR} --include_imports
                --descriptor_set_out=${set} ${files}
        COMMAND ${CMAKE_COMMAND} -DFROM=${set} -DTO=${out} -DNAME=proto_descriptors -P ${script}
        DEPENDS ${files} ${script}
        VERBATIM)
    target_sources(${target} PRIVATE ${out}.c ${out}.h)
endfunction()
